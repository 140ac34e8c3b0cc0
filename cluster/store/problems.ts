import { reasonOf, WeirError } from '../../src/base/errors.ts';
import type { MemberId } from '../raft/types.ts';

/** Why a snapshot does not get to a member that is not there, or not yet free. */
const passing: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'closed', 'store-closed', 'store-busy']);

/** What is tried again and again is told once for each reason. */
export class Problems {
  readonly #tell: (error: WeirError) => void;
  #reading: string | undefined;
  #sending: string | undefined;

  constructor(tell: (error: WeirError) => void) {
    this.#tell = tell;
  }

  /** Entries of the log, for another member. */
  readFailed(error: unknown): void {
    const reason = reasonOf(error);
    if (reason === this.#reading) return;
    this.#reading = reason;
    this.#tell(error instanceof WeirError ? error : failed('reading the log', error));
  }

  snapshotFailed(to: MemberId, error: unknown): void {
    if (error instanceof WeirError && passing.has(error.code)) return;
    const reason = `the state cannot be sent to ${to}: ${reasonOf(error)}`;
    if (reason === this.#sending) return;
    this.#sending = reason;
    this.#tell(new WeirError('snapshot-not-sent', reason, { cause: error }));
  }
}

export function failed(what: string, cause: unknown): WeirError {
  return new WeirError('store-failed', `${what} failed: ${reasonOf(cause)}`, { cause });
}
