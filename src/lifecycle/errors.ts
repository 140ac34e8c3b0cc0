import type { Revision } from '../../cluster/store/port.ts';
import { WeirError } from '../base/errors.ts';
import type { Waiting } from '../controller/ports.ts';

/** The write stands; some switches have not committed it yet. */
export class NotRealizedError extends WeirError {
  readonly revision: Revision;
  readonly waiting: readonly Waiting[];

  constructor(revision: Revision, waiting: readonly Waiting[], timeoutMs: number) {
    const hosts = waiting.map(({ host, reason }) => `${host} (${reason})`).join(', ');
    super('not-realized', `revision ${revision} is stored, but was not carried out within ${timeoutMs} ms by: ${hosts}`);
    this.revision = revision;
    this.waiting = waiting;
  }
}
