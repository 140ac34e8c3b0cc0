import type { OvsdbConnection } from '../../flows/io/ovsdb.ts';
import type { HostFacts } from '../../flows/ovsdb/index.ts';
import { Reconciler } from '../../flows/reconcile/index.ts';
import type { DesiredChange } from '../../flows/reconcile/index.ts';
import { cookieOf } from '../../flows/pipeline/index.ts';
import { elementKey } from '../../policies/compiled.ts';
import type { Element, ElementKey, HostChange } from '../../policies/compiled.ts';
import type { Ownership } from '../../cluster/index.ts';
import type { Revision } from '../../cluster/store/port.ts';
import type { Clock } from '../base/clock.ts';
import { bindingsOf } from './binding.ts';
import type { RuleOwners } from './counters/owners.ts';
import type { Bindings } from './binding.ts';
import type { ChangingHost } from './changeover.ts';
import { HostDatabase } from './database.ts';
import type { DatabaseContext } from './database.ts';
import { HostFlows, isEmpty } from './desired.ts';
import type { ControllerEvent } from './ports.ts';
import type { SwitchConnection } from '../../flows/io/openflow.ts';
import type { HostReport, HostStatus, Intended, SwitchError } from './ports.ts';
import { describe } from './problem.ts';
import type { Realization } from './realization.ts';
import type { ResponderContext } from './responder.ts';
import { HostSwitch } from './switch.ts';
import { FreedZones } from './zones.ts';

export interface HostContext extends DatabaseContext, ResponderContext {
  readonly clock: Clock;
  readonly realization: Realization;
  readonly ownership: Ownership;
  /** Learns the rules of every host. */
  readonly ruleOwners: RuleOwners;
  /** Facts that the fleet should know changed. `bindings`: as they were. */
  readonly learned: (host: Host, facts: HostFacts, bindings: Bindings) => void;
  /** It has errors, as it may not have had before. */
  readonly erred: (host: Host) => void;
  /** What its owner, which is this member, tells of it is different. */
  readonly progressed: (host: Host) => void;
  /** The database is not connected any more. */
  readonly left: (host: Host) => void;
  readonly event: (event: ControllerEvent) => void;
}

/**
 * One hypervisor. What it should have outlives its connections; what is known of it does not. Its OVSDB connection sets it up and
 * tells its ports, its OpenFlow connection carries the flows: either may come first, and ownership is taken only when the epoch
 * stands in the switch's own database. Every member connects and computes; what is realized where another one owns, that one tells.
 */
export class Host implements ChangingHost {
  readonly name: string;
  readonly #context: HostContext;
  readonly #flows: HostFlows;
  readonly #reconciler = new Reconciler();
  readonly #switch: HostSwitch;
  readonly #zones: FreedZones;
  /** Counts differences handed to the reconciler, which wants rising numbers. */
  #sequence = 0;
  /** From which sequence on an interface has all flows that need no port number. */
  readonly #preparedBy = new Map<string, number>();
  /** From which sequence on a port that is bound to an interface here forwards. */
  readonly #activeBy = new Map<string, { readonly ofport: number; readonly sequence: number }>();
  #bindings: Bindings = new Map();
  #database: HostDatabase | undefined;
  /** As last told; they outlive the connection. */
  #facts: HostFacts | undefined;
  /** The epoch in which this member took the switch, while it owns it. It stays in later ones, as long as no other was between. */
  #claim: number | undefined;
  /** By the owner, while that is another member. */
  #told: HostReport | undefined;
  /** What the fleet has against this host, by topic. */
  readonly #objections = new Map<string, string>();

  constructor(name: string, context: HostContext) {
    this.name = name;
    this.#context = context;
    this.#flows = new HostFlows(context.clock, true);
    this.#zones = new FreedZones((zone, error) => context.event({ kind: 'openflow-error', host: name, element: `zone/${zone}`, error }));
    this.#claim = context.ownership.isMine(name) ? context.ownership.epoch : undefined;
    this.#switch = new HostSwitch(name, context, this.#reconciler, this.#flows, {
      isSucceeded: () => this.#isSuperseded || this.#claim === undefined,
      onOwned: () => {
        this.#zones.connected();
        this.#database?.nudge();
      },
      onErrors: () => context.erred(this),
      onProgress: () => {
        // What the switch has is not looked at again, and there may be much to come.
        this.#flows.restSmall();
        this.#progress();
      },
    });
    this.#desire(this.#flows.start());
  }

  get flows(): HostFlows {
    return this.#flows;
  }

  /** Address of its database connection; undefined while there is none. */
  get databaseAddress(): string | undefined {
    return this.#database?.peerAddress;
  }

  get elements(): ReadonlyMap<ElementKey, Element> {
    return this.#flows.elements;
  }

  /** By this member. */
  get isOwned(): boolean {
    return this.#claim !== undefined;
  }

  /** And owned here: what others' switches carry out is not waited for. */
  get isConnected(): boolean {
    return this.isOwned && this.#switch.connection !== undefined;
  }

  /** A later epoch than that of our claim stands in the switch. */
  get #isSuperseded(): boolean {
    return (this.#facts?.epoch ?? 0) > (this.#claim ?? Infinity);
  }

  /** Another epoch holds. `isWhole`: and none was missed, in which another member may have had the switch. */
  ownershipChanged(isWhole: boolean): void {
    const { ownership } = this.#context;
    if (ownership.ownerOf(this.name) !== this.#told?.owner) this.#told = undefined;
    if (!ownership.isMine(this.name)) {
      if (this.#claim === undefined) return;
      this.#claim = undefined;
      this.#switch.yield();
      this.#context.event({ kind: 'switch-yielded', host: this.name, owner: ownership.ownerOf(this.name) ?? 'nobody' });
    } else if (this.#claim === undefined || !isWhole || this.#isSuperseded) {
      this.#claim = ownership.epoch;
    } else return;
    // The epoch is raised there, or what is to be written is looked at by its new owner.
    this.#database?.refresh();
    this.#progress();
  }

  /** Since when its installed flows can be read: from a slave too. */
  get readableSinceMs(): number | undefined {
    return this.isOwned ? this.#switch.steadySinceMs : this.#switch.followingSinceMs;
  }

  get switch(): HostSwitch {
    return this.#switch;
  }

  /**
   * Policy or placement made a difference here at `revision`.
   * @returns milliseconds spent on meters
   */
  apply(change: HostChange, revision: Revision): number {
    return this.#take(change, (isDifferent) => {
      if (isDifferent) this.#context.realization.owe(this.name, revision, this.#sequence);
      else this.#context.realization.release(this.name, revision);
    });
  }

  /**
   * What comes before a change that is still to come: no revision is realized by it.
   * @returns the sequence of what is different; undefined: nothing
   */
  restrict(change: HostChange): number | undefined {
    let sequence: number | undefined;
    this.#take(change, (isDifferent) => (sequence = isDifferent ? this.#sequence : undefined));
    return sequence;
  }

  #take(change: HostChange, desired: (isDifferent: boolean) => void): number {
    const { desired: wanted, freedZones, qosMs } = this.#flows.apply(change);
    desired(this.#desire(wanted));
    for (const zone of freedZones) this.#zones.add(zone, this.#sequence);
    for (const key of change.removed) if (key.startsWith('interface/')) this.#track(key.slice('interface/'.length));
    for (const element of change.put) {
      if (element.kind === 'rule') this.#context.ruleOwners.put(element);
      if (element.kind !== 'interface') continue;
      this.#preparedBy.set(element.portId, this.#sequence);
      this.#track(element.portId);
    }
    this.#progress();
    return qosMs;
  }

  /** @returns whether anything is different */
  #desire(desired: DesiredChange): boolean {
    if (isEmpty(desired)) return false;
    this.#sequence++;
    if (this.#flows.counted === undefined) this.#reconciler.setDesired(desired, this.#sequence);
    this.#switch.kick();
    return true;
  }

  /** Flows of a switch that was never here are only counted, as long as nobody asks for one. */
  #list(): void {
    if (this.#flows.counted !== undefined) this.#reconciler.setDesired(this.#flows.list(), this.#sequence);
  }

  /** Notes from when on a port forwards, after its interface or its port number may have changed. */
  #track(portId: string): void {
    const { event } = this.#context;
    const binding = this.#bindings.get(portId);
    const before = this.#activeBy.get(portId);
    const isHere = this.#flows.interfaceOf(portId) !== undefined;
    if (!isHere) this.#preparedBy.delete(portId);
    if (isHere && binding?.kind === 'bound') {
      if (before?.ofport === binding.ofport) return;
      this.#activeBy.set(portId, { ofport: binding.ofport, sequence: this.#sequence });
      if (this.isOwned) event({ kind: 'port-bound', host: this.name, portId, ofport: binding.ofport });
    } else if (this.#activeBy.delete(portId)) {
      const reason = !isHere ? 'its interface left this host' : binding?.kind === 'unbound' ? binding.reason : 'unplugged';
      if (this.isOwned) event({ kind: 'port-unbound', host: this.name, portId, reason });
    }
  }

  /** The switch's database is here, whole. It takes the place of the connection before. */
  attachOvsdb(connection: OvsdbConnection): void {
    const before = this.#database;
    const { event } = this.#context;
    const claim = (): number | undefined => this.#claim;
    const database: HostDatabase = new HostDatabase(this.name, connection, this.#context, claim, {
      onFacts: (facts) => this.#database === database && this.#learn(facts),
      onTrouble: (reason) => event({ kind: 'ovsdb-refused', host: this.name, reason }),
      onClosed: (reason) => {
        if (this.#database !== database) return;
        this.#database = undefined;
        event({ kind: 'ovsdb-disconnected', host: this.name, reason });
        this.#context.left(this);
      },
    });
    this.#database = database;
    before?.close();
    event({ kind: 'ovsdb-connected', host: this.name, address: connection.peerAddress });
    database.start();
  }

  #learn(facts: HostFacts): void {
    this.#facts = facts;
    const before = this.#bindings;
    this.#bindings = bindingsOf(facts);
    const interfaces = new Map<string, number>();
    for (const [portId, binding] of this.#bindings) if (binding.kind === 'bound') interfaces.set(portId, binding.ofport);
    this.#desire(this.#flows.setPorts({ tunnel: facts.tunnelOfport, interfaces }));
    for (const portId of new Set([...before.keys(), ...this.#bindings.keys()])) this.#track(portId);
    this.#context.learned(this, facts, before);
    this.#own();
    this.#progress();
  }

  #own(): void {
    const { ownership } = this.#context;
    // Another member was between, and is the owner no more.
    if (this.#isSuperseded && ownership.isMine(this.name) && ownership.epoch > (this.#facts?.epoch ?? 0)) this.#claim = ownership.epoch;
    if (this.#claim !== undefined && this.#facts?.epoch === this.#claim) this.#switch.own(this.#claim);
  }

  /** What a user set for the host changed. */
  refresh(): void {
    this.#database?.refresh();
  }

  /** The switch itself is here. It is owned once the epoch stands in its database. */
  attachOpenFlow(connection: SwitchConnection): void {
    this.#list();
    this.#switch.attach(connection);
    this.#own();
  }

  #progress(): void {
    const { realized, pending } = this.#reconciler;
    const { connection } = this.#switch;
    if (!connection || pending === 0) this.#flows.rest();
    this.#takeVacated();
    if (realized !== undefined) {
      this.#context.realization.realized(this.name, realized);
      if (connection) this.#zones.realized(connection, realized);
    }
    this.#context.realization.wake();
    if (this.isOwned) this.#context.progressed(this);
  }

  /** What was taken from the interface that it belongs to by others is put right: that zone was not freed. */
  #takeVacated(): void {
    for (const [zone, cookie] of this.#reconciler.takeVacated()) {
      const occupant = this.#flows.interfaceAt(zone);
      if (occupant === undefined || cookieOf(elementKey(occupant)) !== cookie) this.#zones.vacated(zone, this.#sequence);
    }
  }

  /** The owner, which is another member, tells what the switch does. */
  told(report: HostReport): void {
    if (this.isOwned) return;
    this.#told = report;
    if (this.hasErrors) this.#context.erred(this);
    this.#context.realization.wake();
  }

  /** Its owner has said that everything up to `revision` is carried out. */
  toldRealized(revision: Revision): void {
    const sequence = this.#context.realization.told(this.name, revision);
    // Of zones that were freed up to there the owner takes care.
    if (sequence !== undefined && !this.isOwned) this.#zones.forget(sequence);
  }

  /** What this member, as its owner, tells the others. */
  report(): HostReport {
    const ports = [...this.#preparedBy.keys()];
    return {
      owner: this.#context.ownership.id,
      status: this.status(),
      waitingReason: this.waitingReason(),
      prepared: ports.filter((portId) => this.isPrepared(portId)),
      active: [...this.#activeBy.keys()].filter((portId) => this.isActive(portId)),
    };
  }

  /** Of the ports that are plugged here. */
  get bindings(): Bindings {
    return this.#bindings;
  }

  /** The port is plugged and the switch has committed everything that ties it to its interface. */
  isActive(portId: string): boolean {
    if (!this.isOwned) return this.#told?.active.includes(portId) ?? false;
    return this.carriesOut(this.#activeBy.get(portId)?.sequence);
  }

  /** Every flow of the interface that needs no port number is committed. */
  isPrepared(portId: string): boolean {
    if (!this.isOwned) return this.#told?.prepared.includes(portId) ?? false;
    return this.carriesOut(this.#preparedBy.get(portId));
  }

  carriesOut(sequence: number | undefined): boolean {
    const { realized } = this.#reconciler;
    return this.#switch.connection !== undefined && sequence !== undefined && realized !== undefined && realized >= sequence;
  }

  /** Why this host does not carry out what it should, in words for an operator. */
  waitingReason(): string {
    if (!this.isOwned) {
      const owner = this.#context.ownership.ownerOf(this.name) ?? 'nobody';
      return this.#told === undefined ? `it is owned by ${owner}, which has told nothing of it yet` : this.#told.waitingReason;
    }
    if (!this.#database && !this.#switch.connection) return 'not connected';
    return this.#database?.trouble ?? this.#switch.waitingReason() ?? (this.#database ? this.#pending() : 'the database is not connected');
  }

  #pending(): string {
    return `${this.#reconciler.pending} changes are under way`;
  }

  /** Flows of a large change that are still to be rendered are rendered now. */
  get intended(): Intended {
    this.#list();
    const { desired } = this.#reconciler.flows;
    const bound = (portId: string): number | undefined => {
      const binding = this.#bindings.get(portId);
      return binding?.kind === 'bound' ? binding.ofport : undefined;
    };
    return {
      version: this.#sequence,
      flowCount: desired.size,
      flowKeys: () => desired.keys(),
      flow: (key) => desired.get(key),
      ownerOf: (key) => desired.get(key)?.owner,
      interfaceOf: (portId) => this.#flows.interfaceOf(portId),
      ofportOf: bound,
      tunnelOfport: this.#facts?.tunnelOfport,
      waitingReason: this.waitingReason(),
    };
  }

  /** Something about this host that its users must know; undefined: no more. */
  object(topic: 'registration' | 'datapath', reason: string | undefined): void {
    if (reason === undefined) this.#objections.delete(topic);
    else this.#objections.set(topic, reason);
    if (this.isOwned) this.#context.progressed(this);
  }

  get hasErrors(): boolean {
    return this.isOwned ? this.#switch.hasErrors : (this.#told?.status.errors.length ?? 0) > 0;
  }

  errors(): readonly SwitchError[] {
    if (!this.isOwned) return this.#told?.status.errors ?? [];
    return this.#switch.errors().map((error) => ({ host: this.name, ...error }));
  }

  status(): HostStatus {
    if (!this.isOwned && this.#told) return { ...this.#told.status, realizedRevision: this.#context.realization.realizedBy(this.name) };
    const facts = this.#facts;
    return {
      name: this.name,
      connected: this.#switch.connection !== undefined && this.#reconciler.known,
      ovsdb: this.#database !== undefined,
      realizedRevision: this.#context.realization.realizedBy(this.name),
      flows: this.#flows.counted ?? this.#reconciler.flows.desired.size,
      driftRepaired: this.#switch.driftRepaired,
      errors: this.errors(),
      warnings: [...(facts?.problems.map(describe) ?? []), ...this.#objections.values(), ...this.#warnings()],
      ...(facts?.datapathId !== undefined && { datapathId: facts.datapathId }),
      ...(facts?.datapathType !== undefined && { datapathType: facts.datapathType }),
      ...(facts?.encapIp !== undefined && { encapIp: facts.encapIp, encapIpSource: facts.encapIpSource }),
      ...(facts?.ovsVersion !== undefined && { ovsVersion: facts.ovsVersion }),
      ...(this.#switch.connection && { openflow: this.#switch.connection.version }),
    };
  }

  *#warnings(): Iterable<string> {
    const { trouble } = this.#database ?? {};
    if (trouble !== undefined) yield trouble;
    if (this.#switch.trouble !== undefined) yield this.#switch.trouble;
    for (const [zone, error] of this.#zones.refused) yield `the connections of zone ${zone} could not be deleted: ${error}`;
  }

  close(reason: string): void {
    this.#switch.close(reason);
    this.#database?.close();
  }
}
