import type { Revision } from '../../cluster/index.ts';
import { portIdOf } from '../../policies/model/index.ts';
import type { Snapshot } from '../admission/ports.ts';
import type { Clock } from '../base/clock.ts';
import type { Fleet } from './fleet.ts';
import type { CompileTimes, Followed, Realization as Outcome, Realized, VmChange } from './ports.ts';
import type { Realization } from './realization.ts';
import type { Status } from './status.ts';

const commitsRemembered = 1_024;

/** Answers when a write has reached the switches that it concerns. */
export class Realizer implements Realized {
  readonly #fleet: Pick<Fleet, 'hosts'>;
  readonly #realization: Realization;
  readonly #status: Pick<Status, 'effectOf'>;
  readonly #snapshot: () => Pick<Snapshot, 'get'>;
  readonly #clock: Clock;
  readonly #spent = new Map<Revision, CompileTimes>();

  constructor(
    fleet: Pick<Fleet, 'hosts'>,
    realization: Realization,
    status: Pick<Status, 'effectOf'>,
    snapshot: () => Pick<Snapshot, 'get'>,
    clock: Clock,
  ) {
    this.#fleet = fleet;
    this.#realization = realization;
    this.#status = status;
    this.#snapshot = snapshot;
    this.#clock = clock;
  }

  waitRealized(revision: Revision, timeoutMs: number): Promise<Outcome> {
    return this.#realization.wait(revision, timeoutMs, (host) => this.#fleet.hosts.get(host)?.waitingReason() ?? 'not connected');
  }

  async follow({ tenant, vm, revision, awaited, until, timeoutMs }: VmChange): Promise<Followed> {
    const endsMs = this.#clock.nowMs() + timeoutMs;
    const leftMs = (): number => Math.max(0, endsMs - this.#clock.nowMs());
    await this.#realization.untilCompiled(revision, timeoutMs);
    const realization = until === 'compiled' ? ({ realized: true } as const) : await this.waitRealized(awaited, leftMs());
    const isActive = until !== 'active' || !realization.realized || (await this.#untilActive(tenant, vm, leftMs()));
    return {
      spent: this.#spent.get(revision) ?? { overlayMs: 0, qosMs: 0 },
      isActive,
      realization,
      effect: this.#status.effectOf({ kind: 'Vm', tenant, name: vm }),
    };
  }

  /** What compiling `revision` took. Kept for the commits that may still be asked for. */
  compiled(revision: Revision, times: CompileTimes): void {
    this.#spent.set(revision, times);
    const oldest = this.#spent.keys().next().value;
    if (this.#spent.size > commitsRemembered && oldest !== undefined) this.#spent.delete(oldest);
  }

  #untilActive(tenant: string, name: string, timeoutMs: number): Promise<boolean> {
    return this.#realization.until(() => {
      const vm = this.#snapshot().get('Vm', tenant, name)?.document;
      const host = vm?.spec.host === undefined ? undefined : this.#fleet.hosts.get(vm.spec.host);
      return vm !== undefined && host !== undefined && vm.spec.interfaces.every((item) => host.isActive(portIdOf(vm, item.name)));
    }, timeoutMs);
  }
}
