import { WeirError } from '../../src/base/errors.ts';

/** Why a session ends a connection. Stable: logged, counted and shown. */
export type CloseReason =
  | 'version'
  | 'handshake-timeout'
  | 'inactive'
  | 'listing-timeout'
  | 'listing-too-large'
  | 'barrier-timeout'
  | 'commit-timeout'
  | 'reply-timeout'
  | 'bundle-failed'
  | 'inconsistent'
  | 'flood'
  | 'send-queue-full'
  | 'malformed'
  | 'protocol'
  | 'refused';

/** Thrown inside a step to end the session for one stated reason; never leaves the session. */
export class Closure extends WeirError {
  readonly reason: CloseReason;

  constructor(reason: CloseReason, detail: string) {
    super(`openflow-${reason}`, detail);
    this.reason = reason;
  }
}
