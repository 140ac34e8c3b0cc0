import type { Revision } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';

const keptMs = 24 * 3_600_000;
const keptMax = 65_536;

interface Removal {
  readonly revision: Revision;
  readonly atMs: number;
}

/** At which revision VMs were deleted, so that a deletion that is repeated can be answered as before. Forgets the oldest first. */
export class RemovedVms {
  readonly #clock: Clock;
  readonly #removals = new Map<string, Removal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(vm: { readonly tenant: string; readonly name: string }, revision: Revision): void {
    const key = `${vm.tenant}/${vm.name}`;
    this.#removals.delete(key);
    this.#removals.set(key, { revision, atMs: this.#clock.nowMs() });
    const oldest = this.#removals.keys().next().value;
    if (this.#removals.size > keptMax && oldest !== undefined) this.#removals.delete(oldest);
  }

  revisionOf(vm: { readonly tenant: string; readonly name: string }): Revision | undefined {
    const removal = this.#removals.get(`${vm.tenant}/${vm.name}`);
    return removal && this.#clock.nowMs() - removal.atMs < keptMs ? removal.revision : undefined;
  }
}
