import type { Revision } from '../../cluster/store/port.ts';
import type { TimingPart, TimingRecorder } from '../base/timings.ts';
import type { Realized, Waiting } from '../controller/ports.ts';
import { NotRealizedError } from './errors.ts';
import type { HookRequest } from './ports.ts';

/**
 * Waits as the request wants it. The time goes to `part`.
 * Returns the hosts that had not answered, where the request leaves that open.
 */
export async function waitFor(
  realized: Realized,
  request: HookRequest,
  revision: Revision,
  timings: TimingRecorder,
  part: TimingPart,
): Promise<readonly Waiting[]> {
  const { kind, timeoutMs } = request.wait;
  if (kind === 'none') return [];
  const outcome = await timings.measure(part, () => realized.waitRealized(revision, timeoutMs));
  if (!outcome.realized) {
    if (kind === 'try') return outcome.waiting;
    throw new NotRealizedError(revision, outcome.waiting, timeoutMs);
  }
  if (kind === 'active' && !(await realized.waitActive(request.tenant, request.name, timeoutMs))) {
    throw new NotRealizedError(revision, [{ host: '', reason: 'a port of the VM is not plugged yet' }], timeoutMs);
  }
  return [];
}
