import type { Committed, ResourceId, Snapshot } from '../../admission/ports.ts';
import type { Clock } from '../../base/clock.ts';
import { reasonOf, WeirError } from '../../base/errors.ts';
import type { FlowReading, FlowsRead } from '../../../flows/session/index.ts';
import type { ElementKey } from '../../../policies/compiled.ts';
import type { Fleet } from '../fleet.ts';
import type { Host } from '../host.ts';
import type { ControllerEvent, Counters, InstalledFlows, LiveFlow, RuleReading } from '../ports.ts';
import type { Schedule } from '../../base/schedule.ts';
import type { Checkpoint } from './checkpoint.ts';
import { Ledger } from './ledger.ts';
import { liveFlows, readingOf } from './live.ts';
import type { RuleOwners } from './owners.ts';
import { Poller } from './poller.ts';
import { byRule, ruleCounts } from './reading.ts';

export { checkpointFile } from './checkpoint.ts';

export interface CountingOptions {
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly snapshot: () => Snapshot;
  readonly fleet: Fleet;
  readonly ruleOwners: RuleOwners;
  readonly event: (event: ControllerEvent) => void;
  /** Between two readings of a host. */
  readonly intervalMs: number;
  /** Undefined: counters begin with the process. */
  readonly checkpoint: Checkpoint | undefined;
}

/** The counters of all rules, from the moment that the graph is compiled. */
export interface Counting extends Counters, InstalledFlows {
  /** Of all rules there have been since the process began. */
  readonly totals: { readonly packets: number; readonly bytes: number; readonly connections: number };
  /** One commit, in revision order. */
  committed(commit: Committed): void;
  /** Writes the last checkpoint. */
  close(): Promise<void>;
}

const checkpointIntervalMs = 60_000;
const liveTimeoutMs = 3_000;

export function openCounting(options: CountingOptions): Counting {
  return new RuleCounting(options);
}

const policyKey = ({ tenant, name }: Pick<ResourceId, 'tenant' | 'name'>): string => `${tenant ?? ''}/${name}`;

class RuleCounting implements Counting {
  readonly #options: CountingOptions;
  readonly #ledger = new Ledger();
  readonly #poller: Poller;
  /** Rules by their policy, so that those that go are known. */
  readonly #rules = new Map<string, ReadonlySet<number>>();
  #cancelCheckpoint: () => void = () => undefined;
  #isChanged = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: CountingOptions) {
    this.#options = options;
    this.#restore();
    this.#poller = new Poller({ ...options, hosts: () => this.#readable() });
    this.#poller.start();
    this.#checkpointLater();
  }

  #restore(): void {
    const { snapshot, checkpoint, event, clock } = this.#options;
    const present = snapshot();
    for (const { document } of present.list('Policy')) this.#learn(document.metadata, present);
    const exists = new Set([...this.#rules.values()].flatMap((rules) => [...rules]));
    try {
      const state = checkpoint?.read();
      if (state) this.#ledger.restore(state, (rule) => exists.has(rule));
    } catch (error) {
      event({ kind: 'counters-lost', reason: reasonOf(error) });
    }
    for (const rule of exists) this.#ledger.open(rule, clock.wallMs());
  }

  #learn(id: { readonly tenant?: string | undefined; readonly name: string }, snapshot: Snapshot): readonly number[] {
    const key = policyKey({ tenant: id.tenant, name: id.name });
    const numbers = snapshot.policyNumbers(id.tenant, id.name);
    const rules = new Set([...(numbers?.ingress ?? []), ...(numbers?.egress ?? [])].map((rule) => rule.id));
    const gone = [...(this.#rules.get(key) ?? [])].filter((rule) => !rules.has(rule));
    if (rules.size > 0) this.#rules.set(key, rules);
    else this.#rules.delete(key);
    return gone;
  }

  get totals(): Counting['totals'] {
    return this.#ledger.totals;
  }

  async ofRules(ids: readonly number[]): Promise<ReadonlyMap<number, RuleReading>> {
    const readings = new Map<number, RuleReading>();
    for (const id of ids) {
      const counters = this.#ledger.ofRule(id);
      if (counters) readings.set(id, { ...counters, flows: this.#ledger.flowsOfRule(id) });
    }
    return readings;
  }

  committed({ documents, wallMs }: Committed): void {
    const { snapshot, ruleOwners } = this.#options;
    for (const { id } of documents) {
      if (id.kind !== 'Policy') continue;
      for (const rule of this.#learn(id, snapshot())) {
        this.#ledger.close(rule);
        ruleOwners.forget(rule);
      }
      for (const rule of this.#rules.get(policyKey(id)) ?? []) this.#ledger.open(rule, wallMs);
    }
  }

  refresh(): Promise<void> {
    return this.#poller.refresh();
  }

  *#readable() {
    for (const host of this.#options.fleet.hosts.values())
      if (host.readableSinceMs !== undefined) yield { name: host.name, read: () => this.#read(host) };
  }

  async #read(host: Host): Promise<void> {
    const { clock, ruleOwners } = this.#options;
    const { connection } = host.switch;
    const { readableSinceMs } = host;
    if (!connection || readableSinceMs === undefined) return;
    const read = await connection.readFlows(ruleCounts);
    // What a connection says that is not the host's any more tells nothing about the next one.
    if (typeof read === 'string' || host.switch.connection !== connection) return;
    this.#ledger.take({
      host: host.name,
      version: connection.version,
      connection,
      ownedMs: clock.nowMs() - readableSinceMs,
      oldestMs: read.oldestMs,
      wallMs: clock.wallMs(),
      ...byRule(read, ruleOwners),
    });
    this.#isChanged = true;
  }

  async flowsOf(name: string, elements: ReadonlySet<ElementKey>): Promise<readonly LiveFlow[]> {
    const host = this.#options.fleet.hosts.get(name);
    const connection = host?.switch.connection;
    if (!host || !connection) throw new WeirError('switch-unreadable', `${name} is not connected`);
    const read = await this.#inTime(connection.readFlows.bind(connection), readingOf(elements));
    if (typeof read === 'string') throw new WeirError('switch-unreadable', `the flows of ${name} cannot be read: ${read}`);
    return liveFlows(read.entries, elements, (key) => host.intended.flow(key));
  }

  async #inTime(read: (reading: FlowReading) => Promise<FlowsRead | string>, reading: FlowReading): Promise<FlowsRead | string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const cancel = this.#options.schedule(liveTimeoutMs, () => resolve(`no answer within ${liveTimeoutMs} ms`));
    const first = await Promise.race([read(reading), promise]);
    cancel();
    return first;
  }

  #checkpointLater(): void {
    this.#cancelCheckpoint = this.#options.schedule(checkpointIntervalMs, () => {
      void this.#save();
      this.#checkpointLater();
    });
  }

  /** One write at a time. A failure is told, and tried again with the next one. */
  #save(): Promise<void> {
    const { checkpoint, clock, snapshot, event } = this.#options;
    this.#ledger.keepHosts((host) => snapshot().get('Host', undefined, host) !== undefined, clock.wallMs());
    if (!checkpoint || !this.#isChanged) return this.#writing;
    this.#isChanged = false;
    this.#writing = this.#writing
      .then(() => checkpoint.write(this.#ledger.state()))
      .catch((error: unknown) => {
        this.#isChanged = true;
        event({ kind: 'counters-unsaved', reason: reasonOf(error) });
      });
    return this.#writing;
  }

  async close(): Promise<void> {
    this.#poller.close();
    this.#cancelCheckpoint();
    await this.#save();
  }
}
