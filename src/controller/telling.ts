import type { Exchange, Ownership } from '../../cluster/index.ts';
import type { Revision } from '../../cluster/store/port.ts';
import type { CoOwners } from './co-owners.ts';
import type { Fleet } from './fleet.ts';
import type { Host } from './host.ts';
import type { HostReport } from './ports.ts';
import type { Schedule } from '../base/schedule.ts';
import type { Realization } from './realization.ts';

export interface TellingOptions {
  readonly exchange: Exchange;
  readonly ownership: Ownership;
  readonly fleet: Pick<Fleet, 'hosts' | 'hostNamed' | 'ownerForgot'>;
  readonly realization: Realization;
  readonly schedule: Schedule;
  readonly coOwners: Pick<CoOwners, 'heard'>;
}

/** What one member says to another; of each host the latest only. */
interface Tale {
  readonly realized: readonly (readonly [host: string, revision: Revision])[];
  readonly reports: readonly (readonly [host: string, report: HostReport])[];
  /** The speaker's switches have lost what the commits of these take away. Members of an earlier release do not say it. */
  readonly restricted?: readonly Revision[];
  /** Hosts that are no more: deleted, and left by their switch. Nor this. */
  readonly gone?: readonly string[];
}

/** For how long what is realized is gathered, and the rest of a host's status: that names every port of the host, and goes less often while it goes on changing. */
const gatherRealizedMs = 1;
const gatherReportsMs = 25;
const restMs = 100;
const patienceMs = 2_000;
const retryMs = 300;
/** What is told later than this is of use to nobody. */
const restrictedMax = 256;

/** What one other member has yet to be told. Bounded by the number of hosts, however long the member is away. */
class Listener {
  readonly realized = new Set<string>();
  readonly reports = new Set<string>();
  restricted: readonly Revision[] = [];
  isBeingTold = false;

  oweRestricted(revisions: readonly Revision[]): void {
    this.restricted = [...this.restricted, ...revisions].toSorted((a, b) => a - b).slice(-restrictedMax);
  }

  get isDue(): boolean {
    return this.realized.size > 0 || this.reports.size > 0 || this.restricted.length > 0;
  }
}

/**
 * Owners tell the other members what their switches do, and hear it from them: nothing of it is logged. Of what is lost on the way, the latest
 * is told again until it has arrived.
 */
export class Telling {
  readonly #options: TellingOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #toldRevisions = new Map<string, Revision>();
  /** Hosts whose realized revision, and whose status, is to be told. */
  readonly #moved = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #cancels = new Set<() => void>();
  #isGathering = false;
  #isGatheringReports = false;
  #isClosed = false;

  constructor(options: TellingOptions) {
    this.#options = options;
    options.exchange.answer('told', (from, tale) => {
      this.#hear(from, tale as Tale);
      return null;
    });
  }

  /** What the owned host does may be something else. */
  progressed({ name }: Host): void {
    if (this.#options.exchange.others().length === 0) return;
    this.#changed.add(name);
    if (!this.#isGatheringReports) {
      this.#isGatheringReports = true;
      this.#later(gatherReportsMs, () => this.#tellReports());
    }
    // Of what made no difference to the host nobody waits for it.
    if (this.#options.realization.paidBy(name) <= (this.#toldRevisions.get(name) ?? 0)) return;
    this.#moved.add(name);
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#later(gatherRealizedMs, () => this.#tellRealized());
  }

  #later(delayMs: number, callback: () => void): void {
    if (this.#isClosed) return;
    const cancel = this.#options.schedule(delayMs, () => {
      this.#cancels.delete(cancel);
      callback();
    });
    this.#cancels.add(cancel);
  }

  #tellRealized(): void {
    this.#isGathering = false;
    for (const name of this.#moved) this.#oweRealized(name);
    this.#moved.clear();
    this.#tell();
  }

  #oweRealized(name: string): void {
    const revision = this.#options.realization.realizedBy(name);
    if (this.#toldRevisions.get(name) === revision) return;
    this.#toldRevisions.set(name, revision);
    for (const listener of this.#present()) listener.realized.add(name);
  }

  #tellReports(): void {
    this.#isGatheringReports = this.#changed.size > 0;
    if (!this.#isGatheringReports) return;
    for (const name of this.#changed) {
      this.#oweRealized(name);
      for (const listener of this.#present()) listener.reports.add(name);
    }
    this.#changed.clear();
    this.#tell();
    this.#later(restMs, () => this.#tellReports());
  }

  /** Others wait for it. */
  restricted(revision: Revision): void {
    for (const listener of this.#present()) listener.oweRestricted([revision]);
    this.#tell();
  }

  /** Another epoch holds: who owns now tells all of it, also to members that have come. */
  ownershipChanged(): void {
    this.#toldRevisions.clear();
    for (const host of this.#options.fleet.hosts.values()) {
      if (!host.isOwned) continue;
      for (const listener of this.#present()) {
        listener.realized.add(host.name);
        listener.reports.add(host.name);
      }
    }
    this.#tell();
  }

  *#present(): Iterable<Listener> {
    const others = this.#options.exchange.others();
    for (const id of this.#listeners.keys()) if (!others.includes(id)) this.#listeners.delete(id);
    for (const id of others) {
      let listener = this.#listeners.get(id);
      if (!listener) this.#listeners.set(id, (listener = new Listener()));
      yield listener;
    }
  }

  #tell(): void {
    for (const [id, listener] of this.#listeners) if (listener.isDue && !listener.isBeingTold) void this.#tellOne(id, listener);
  }

  async #tellOne(id: string, listener: Listener): Promise<void> {
    listener.isBeingTold = true;
    const [realized, reports] = [[...listener.realized], [...listener.reports]];
    const { restricted } = listener;
    listener.realized.clear();
    listener.reports.clear();
    listener.restricted = [];
    try {
      await this.#options.exchange.ask(id, 'told', { ...this.#tale(realized, reports), restricted }, patienceMs);
      listener.isBeingTold = false;
      if (this.#listeners.get(id) === listener) this.#tell();
    } catch {
      // It is away, or still starting.
      for (const name of realized) listener.realized.add(name);
      for (const name of reports) listener.reports.add(name);
      listener.oweRestricted(restricted);
      this.#later(retryMs, () => {
        listener.isBeingTold = false;
        if (this.#listeners.get(id) === listener) this.#tell();
      });
    }
  }

  #tale(realized: readonly string[], reports: readonly string[]): Tale {
    const { fleet, realization } = this.#options;
    const owned = (name: string): Host[] => {
      const host = fleet.hosts.get(name);
      return host?.isOwned === true ? [host] : [];
    };
    return {
      realized: realized.flatMap(owned).map(({ name }) => [name, realization.realizedBy(name)]),
      reports: reports.flatMap(owned).map((host) => [host.name, host.report()]),
      gone: reports.filter((name) => !fleet.hosts.has(name)),
    };
  }

  #hear(from: string, { realized, reports, restricted = [], gone = [] }: Tale): void {
    const { fleet, ownership, coOwners, realization } = this.#options;
    if (restricted.length > 0) {
      coOwners.heard(from, restricted);
      realization.wake();
    }
    for (const [name, revision] of realized) fleet.hostNamed(name).toldRealized(revision);
    for (const [name, report] of reports) if (ownership.ownerOf(name) === from) fleet.hostNamed(name).told(report);
    for (const name of gone) if (ownership.ownerOf(name) === from) fleet.ownerForgot(name);
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }
}
