import type { StoredOwnership } from '../../cluster/index.ts';
import type { Schedule } from '../base/schedule.ts';
import type { Log } from './opening.ts';

/** Members that begin together are found one after the other. */
const patienceMs = 10_000;

/** Of a member that no switch has found, while switches have found others. */
export const unfoundWarning = (id: string): string =>
  `not-found-by-switches: no switch has found ${id}, so that it owns none; set \`advertise\` there to the address by which switches reach it, or name it to one of them beside the others: ovs-vsctl set-manager tcp:A:6640 tcp:B:6640`;

/** Tells in this member's own log when that has been so of it for a while, each time anew. Returns what ends it. */
export function tellOfUnfound(ownership: Pick<StoredOwnership, 'id' | 'unfound' | 'onChange'>, log: Log, schedule: Schedule): () => void {
  const { id } = ownership;
  let cancel: (() => void) | undefined;
  const consider = (): void => {
    if (!ownership.unfound().includes(id)) {
      cancel?.();
      cancel = undefined;
    } else cancel ??= schedule(patienceMs, () => log.warn({ event: 'not-found-by-switches' }, unfoundWarning(id)));
  };
  const stop = ownership.onChange(consider);
  consider();
  return () => {
    stop();
    cancel?.();
  };
}
