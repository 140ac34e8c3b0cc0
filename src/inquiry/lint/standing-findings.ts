import { setTimeout as pause } from 'node:timers/promises';
import type { Change } from '../../../policies/index.ts';
import type { World } from '../../../policies/selectors/index.ts';
import { Verification } from '../../../policies/verify/index.ts';
import type { PolicyFindings } from '../../../policies/verify/index.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { Clock } from '../../base/clock.ts';
import { inSlices } from '../../base/slices.ts';
import type { Linted } from '../ports.ts';

export interface StandingOptions {
  readonly snapshot: () => World & Pick<Snapshot, 'revision'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** All is looked at anew when it is next asked for. */
  readonly onProblem: (reason: unknown) => void;
}

/** Who asks for everything waits so long for what was written last, and is told when that was not enough. */
const listingPatienceMs = 10_000;
/** And who asks for documents, with findings beside them. */
const statusPatienceMs = 500;
/** Between a commit and the work that it makes, so that a burst is worked off once. */
const restMs = 200;

/**
 * Conflicts and shadowed rules of what is stored. Nothing is done before somebody asks; from then on each commit marks what it may
 * concern, and the work is done when somebody asks again or a moment later, in slices, so that no write waits for it.
 */
export class StandingFindings {
  readonly #options: StandingOptions;
  #verification: Verification | undefined;
  /** Works and listings go one after the other: a listing is of one state. */
  #last: Promise<unknown> = Promise.resolve();
  #settling: Promise<void> | undefined;
  #isPlanned = false;

  constructor(options: StandingOptions) {
    this.#options = options;
  }

  /** One commit, which the snapshot has already. */
  committed(commit: Change): void {
    const verification = this.#verification;
    if (verification === undefined) return;
    verification.update(commit, this.#options.snapshot());
    if (!verification.isSettled) void this.#settleLater();
  }

  /** Of some owners. */
  async ofOwners(isMeant: (owner: string | undefined) => boolean, max: number): Promise<Linted> {
    await this.#settled(listingPatienceMs);
    return this.#alone(async () => {
      const verification = this.#current();
      const { isSettled } = verification;
      const { revision } = this.#options.snapshot();
      return { revision, isSettled, ...(await inSlices(verification.ofOwners(isMeant, max), this.#options.clock)) };
    });
  }

  async ofPolicies(
    ids: readonly { readonly tenant: string | undefined; readonly name: string }[],
    max: number,
  ): Promise<readonly Linted[]> {
    await this.#settled(statusPatienceMs);
    const verification = this.#current();
    const { isSettled } = verification;
    const { revision } = this.#options.snapshot();
    return ids.map(({ tenant, name }): Linted => {
      const findings: PolicyFindings = verification.ofPolicy(tenant, name, max);
      return { revision, isSettled, ...findings };
    });
  }

  #current(): Verification {
    return (this.#verification ??= new Verification(this.#options.snapshot()));
  }

  async #settled(patienceMs: number): Promise<void> {
    if (this.#current().isSettled) return;
    const patience = new AbortController();
    try {
      await Promise.race([this.#settle(), pause(patienceMs, undefined, { signal: patience.signal })]);
    } finally {
      patience.abort();
    }
  }

  /** What is written while it works is worked off too. */
  #settle(): Promise<void> {
    this.#settling ??= this.#work().finally(() => (this.#settling = undefined));
    return this.#settling;
  }

  async #work(): Promise<void> {
    while (!this.#current().isSettled) await this.#alone(() => this.#pass());
  }

  async #pass(): Promise<void> {
    try {
      await inSlices(this.#current().work(), this.#options.clock);
    } catch (thrown) {
      // What it was about is marked no more.
      this.#verification = undefined;
      throw thrown;
    }
  }

  async #settleLater(): Promise<void> {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    await pause(restMs, undefined, { ref: false });
    this.#isPlanned = false;
    await this.#settle().catch(this.#options.onProblem);
  }

  #alone<T>(job: () => Promise<T>): Promise<T> {
    const done = this.#last.then(job);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
