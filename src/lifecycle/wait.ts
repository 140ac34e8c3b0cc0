import type { Revision } from '../../cluster/store/port.ts';
import type { Followed, Waiting } from '../controller/ports.ts';
import { NotRealizedError } from './errors.ts';
import type { HookWait } from './ports.ts';

/** The hosts that had not answered, where the request leaves that open. */
export function waitingOf({ kind, timeoutMs }: HookWait, revision: Revision, { realization, isActive }: Followed): readonly Waiting[] {
  if (!realization.realized) {
    if (kind === 'try') return realization.waiting;
    throw new NotRealizedError(revision, realization.waiting, timeoutMs);
  }
  if (!isActive) throw new NotRealizedError(revision, [{ host: '', reason: 'a port of the VM is not plugged yet' }], timeoutMs);
  return [];
}
