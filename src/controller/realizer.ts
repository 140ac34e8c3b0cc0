import type { Revision } from '../../cluster/index.ts';
import { portIdOf } from '../../policies/model/index.ts';
import type { Snapshot } from '../admission/ports.ts';
import type { Fleet } from './fleet.ts';
import type { CompileTimes, Realization as Outcome, Realized } from './ports.ts';
import type { Realization } from './realization.ts';

const commitsRemembered = 1_024;

/** Answers when a write has reached the switches that it concerns. */
export class Realizer implements Realized {
  readonly #fleet: Fleet;
  readonly #realization: Realization;
  readonly #snapshot: () => Snapshot;
  readonly #spent = new Map<Revision, CompileTimes>();

  constructor(fleet: Fleet, realization: Realization, snapshot: () => Snapshot) {
    this.#fleet = fleet;
    this.#realization = realization;
    this.#snapshot = snapshot;
  }

  waitRealized(revision: Revision, timeoutMs: number): Promise<Outcome> {
    return this.#realization.wait(revision, timeoutMs, (host) => this.#fleet.hosts.get(host)?.waitingReason() ?? 'not connected');
  }

  async spentOn(revision: Revision, timeoutMs: number): Promise<CompileTimes> {
    await this.#realization.untilCompiled(revision, timeoutMs);
    return this.#spent.get(revision) ?? { overlayMs: 0, qosMs: 0 };
  }

  /** What compiling `revision` took. Kept for the commits that a hook may still ask for. */
  compiled(revision: Revision, times: CompileTimes): void {
    this.#spent.set(revision, times);
    const oldest = this.#spent.keys().next().value;
    if (this.#spent.size > commitsRemembered && oldest !== undefined) this.#spent.delete(oldest);
  }

  waitActive(tenant: string, name: string, timeoutMs: number): Promise<boolean> {
    return this.#realization.until(() => {
      const vm = this.#snapshot().get('Vm', tenant, name)?.document;
      const host = vm?.spec.host === undefined ? undefined : this.#fleet.hosts.get(vm.spec.host);
      return vm !== undefined && host !== undefined && vm.spec.interfaces.every((item) => host.isActive(portIdOf(vm, item.name)));
    }, timeoutMs);
  }
}
