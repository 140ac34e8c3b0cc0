import type { OvsdbConnection } from '../../flows/io/ovsdb.ts';
import { hostFacts, hostTransaction, raiseEpoch } from '../../flows/ovsdb/index.ts';
import type { HostFacts, Operations } from '../../flows/ovsdb/index.ts';
import { Reconciler } from '../../flows/reconcile/index.ts';
import type { DesiredChange } from '../../flows/reconcile/index.ts';
import type { HostChange } from '../../policies/compiled.ts';
import type { Revision } from '../../cluster/store/port.ts';
import type { Clock } from '../base/clock.ts';
import { HostFlows, isEmpty } from './desired.ts';
import type { HostPorts } from './desired.ts';
import type { SwitchConnection } from '../../flows/io/openflow.ts';
import type { HostStatus, SwitchError } from './ports.ts';
import type { Realization } from './realization.ts';

const refusalsRemembered = 10_000;

/** Logged and counted by kind. */
export type ControllerEvent =
  | { readonly kind: 'switch-connected'; readonly host: string; readonly openflow: string; readonly address: string }
  | { readonly kind: 'switch-disconnected'; readonly host: string; readonly reason: string }
  | { readonly kind: 'switch-refused'; readonly address: string; readonly reason: string; readonly host?: string }
  | { readonly kind: 'ovsdb-connected'; readonly host: string; readonly address: string }
  | { readonly kind: 'ovsdb-disconnected'; readonly host: string; readonly reason: string }
  | { readonly kind: 'ovsdb-refused'; readonly host: string; readonly reason: string }
  | { readonly kind: 'openflow-error'; readonly host: string; readonly element: string; readonly error: string }
  | { readonly kind: 'drift-repaired'; readonly host: string; readonly what: string; readonly count: number }
  | { readonly kind: 'host-not-registered'; readonly host: string; readonly reason: string };

export interface HostContext {
  readonly clock: Clock;
  readonly epoch: number;
  readonly bridge: string;
  /** OpenFlow targets for a switch whose database connection came in on this local address. */
  targets(localAddress: string): readonly string[];
  /** What a user set for the host; it wins over what the switch says. */
  encapIp(host: string): string | undefined;
  readonly realization: Realization;
  /** Facts that the store should know changed. */
  learned(host: string, facts: HostFacts): void;
  /** What an operator wants to know of switches; `src/telemetry` logs and counts it. */
  event(event: ControllerEvent): void;
}

/**
 * One hypervisor. What it should have outlives its connections; what is known of it does not. Its OVSDB connection sets it up and
 * tells its ports, its OpenFlow connection carries the flows: either may come first, and ownership is taken only when the epoch
 * stands in the switch's own database.
 */
export class Host {
  readonly name: string;
  readonly flows: HostFlows;
  readonly reconciler = new Reconciler();
  readonly #context: HostContext;
  /** Counts differences handed to the reconciler, which wants rising numbers. */
  #sequence = 0;
  readonly #portSequence = new Map<string, number>();
  readonly #preparedBy = new Map<string, number>();
  readonly #zonesToFlush = new Set<number>();
  /** When a flow or meter was refused last, ISO 8601. */
  readonly #refusedAt = new Map<string | number, string>();
  #ovsdb: OvsdbConnection | undefined;
  #openflow: SwitchConnection | undefined;
  #owned = false;
  #facts: HostFacts | undefined;
  #settling = false;
  #unsettled = false;
  #ovsdbTrouble: string | undefined;

  constructor(name: string, context: HostContext) {
    this.name = name;
    this.#context = context;
    this.flows = new HostFlows(context.clock);
    this.reconciler.setDesired(this.flows.start(), ++this.#sequence);
  }

  get facts(): HostFacts | undefined {
    return this.#facts;
  }

  get ovsdb(): OvsdbConnection | undefined {
    return this.#ovsdb;
  }

  /**
   * Policy or placement made a difference here at `revision`.
   * @returns milliseconds spent on meters
   */
  apply(change: HostChange, revision: Revision): number {
    const { desired, freedZones, qosMs } = this.flows.apply(change);
    for (const zone of freedZones) this.#zonesToFlush.add(zone);
    this.#desire(desired, revision);
    for (const element of change.put) if (element.kind === 'interface') this.#preparedBy.set(element.portId, this.#sequence);
    this.#bindPorts();
    return qosMs;
  }

  /** From which sequence on each interface, and each plugged port of one, has all of its flows. */
  #bindPorts(): void {
    for (const portId of this.#preparedBy.keys()) if (!this.flows.interfaceOf(portId)) this.#preparedBy.delete(portId);
    const plugged = new Set(this.#facts?.interfaces.filter((port) => port.ofport !== undefined).map((port) => port.ifaceId));
    for (const portId of this.#portSequence.keys())
      if (!plugged.has(portId) || !this.flows.interfaceOf(portId)) this.#portSequence.delete(portId);
    for (const portId of plugged)
      if (this.flows.interfaceOf(portId) && !this.#portSequence.has(portId)) this.#portSequence.set(portId, this.#sequence);
  }

  #desire(desired: DesiredChange, revision: Revision | undefined): void {
    if (isEmpty(desired)) return;
    this.reconciler.setDesired(desired, ++this.#sequence);
    if (revision !== undefined) this.#context.realization.owe(this.name, revision, this.#sequence);
    this.#openflow?.kick();
    this.#progress();
  }

  /** The switch's database is here, whole. A connection that was there before has been replaced by the caller. */
  attachOvsdb(connection: OvsdbConnection): void {
    this.#ovsdb = connection;
    connection.onChange(() => this.#changed(connection));
    connection.onClosed((end) => {
      if (this.#ovsdb !== connection) return;
      this.#ovsdb = undefined;
      this.#context.event({ kind: 'ovsdb-disconnected', host: this.name, reason: `${end.code}: ${end.reason}` });
      this.#context.realization.wake();
    });
    this.#context.event({ kind: 'ovsdb-connected', host: this.name, address: connection.peerAddress });
    this.#changed(connection);
  }

  #changed(connection: OvsdbConnection): void {
    if (this.#ovsdb !== connection) return;
    this.#learn(connection);
    void this.#settle(connection);
  }

  #learn(connection: OvsdbConnection): void {
    const encapIp = this.#context.encapIp(this.name);
    const facts = hostFacts(connection.replica, {
      bridge: this.#context.bridge,
      peerAddress: connection.peerAddress,
      ...(encapIp !== undefined && { encapIp }),
    });
    if (!facts) return;
    this.#facts = facts;
    this.#setPorts(facts);
    this.#context.learned(this.name, facts);
  }

  #setPorts(facts: HostFacts): void {
    const interfaces = new Map<string, number>();
    for (const { ifaceId, ofport } of facts.interfaces) if (ofport !== undefined) interfaces.set(ifaceId, ofport);
    const ports: HostPorts = { tunnel: facts.tunnelOfport, interfaces };
    this.#desire(this.flows.setPorts(ports), undefined);
    this.#bindPorts();
    this.#context.realization.wake();
  }

  /** Brings the database to what it should be, one transaction at a time, until nothing is left to do or something must change first. */
  async #settle(connection: OvsdbConnection): Promise<void> {
    this.#unsettled = true;
    if (this.#settling) return;
    this.#settling = true;
    try {
      while (this.#unsettled && this.#ovsdb === connection) {
        this.#unsettled = false;
        const operations = this.#nextTransaction(connection);
        if (!operations) break;
        const result = await connection.transact(operations);
        if (result.kind === 'committed') this.#ovsdbTrouble = undefined;
        else this.#refused(result.kind === 'refused' ? `${result.code}: ${result.error} ${result.details}`.trim() : result.reason);
        // A guard that failed means that the replica moved on: look again with what it holds now.
        this.#unsettled ||=
          result.kind === 'committed' || (result.kind === 'refused' && (result.code === 'guard-failed' || result.code === 'fenced'));
      }
    } finally {
      this.#settling = false;
    }
    this.#takeOwnership();
  }

  #refused(reason: string): void {
    if (this.#ovsdbTrouble === reason) return;
    this.#ovsdbTrouble = reason;
    this.#context.event({ kind: 'ovsdb-refused', host: this.name, reason });
  }

  #nextTransaction(connection: OvsdbConnection): Operations | undefined {
    const { epoch, bridge } = this.#context;
    const raise = raiseEpoch(connection.replica, epoch);
    if (!raise) return undefined;
    if (raise.kind === 'raise') return raise.operations;
    if (raise.kind === 'superseded') {
      this.#refused(`a newer controller (epoch ${raise.storedEpoch}) owns this switch; ours is ${epoch}`);
      return undefined;
    }
    const encapIp = this.#context.encapIp(this.name);
    return hostTransaction(connection.replica, {
      epoch,
      bridge,
      controllers: this.#context.targets(connection.localAddress),
      peerAddress: connection.peerAddress,
      ...(encapIp !== undefined && { encapIp }),
    });
  }

  /** The switch itself is here. */
  attachOpenFlow(connection: SwitchConnection): void {
    this.#openflow?.close('replaced by a newer connection of the same switch');
    this.#openflow = connection;
    this.#owned = false;
    this.#takeOwnership();
  }

  /** MASTER is asked for only when our epoch stands in the switch's database: a stale owner is fenced off by both. */
  #takeOwnership(): void {
    const connection = this.#openflow;
    if (!connection || this.#owned || this.#facts?.epoch !== this.#context.epoch) return;
    this.#owned = true;
    this.#context.event({ kind: 'switch-connected', host: this.name, openflow: connection.version, address: connection.peerAddress });
    connection.own(this.reconciler, this.#context.epoch, {
      onProgress: () => this.#progress(),
      onRefused: (refused) => {
        const at = new Date(this.#context.clock.wallMs()).toISOString();
        if (this.#refusedAt.size > refusalsRemembered) this.#refusedAt.clear();
        for (const { kind, key, command, error } of refused) {
          this.#refusedAt.set(key, at);
          const element = kind === 'meter' ? this.#meterOwner(Number(key)) : (this.flows.ownerOf(String(key)) ?? String(key));
          this.#context.event({ kind: 'openflow-error', host: this.name, element, error: `${command}: ${error}` });
        }
      },
      onDrift: (what, counts) => {
        this.#context.event({ kind: 'drift-repaired', host: this.name, what, count: counts.added + counts.removed + counts.changed });
      },
      onClosed: (reason) => {
        if (this.#openflow !== connection) return;
        this.#openflow = undefined;
        this.#owned = false;
        this.#context.event({ kind: 'switch-disconnected', host: this.name, reason });
        this.#context.realization.wake();
      },
    });
  }

  #progress(): void {
    const { realized } = this.reconciler;
    if (realized === undefined) return;
    if (realized >= this.#sequence && this.#openflow) this.#flushZones(this.#openflow);
    this.#context.realization.realized(this.name, realized);
    this.#context.realization.wake();
  }

  /** Connections of an interface that is gone must not be taken up by the next one that gets its zone. */
  #flushZones(connection: SwitchConnection): void {
    for (const zone of this.#zonesToFlush) void this.#flushZone(connection, zone);
    this.#zonesToFlush.clear();
  }

  async #flushZone(connection: SwitchConnection, zone: number): Promise<void> {
    const error = await connection.flushZone(zone);
    if (error === undefined) return;
    this.#zonesToFlush.add(zone);
    this.#context.event({ kind: 'openflow-error', host: this.name, element: `zone/${zone}`, error });
  }

  /** The port is plugged and the switch has committed everything that ties it to its interface. */
  isActive(portId: string): boolean {
    return this.#carriesOut(this.#portSequence.get(portId));
  }

  /** Every flow of the interface that needs no port number is committed. */
  isPrepared(portId: string): boolean {
    return this.#carriesOut(this.#preparedBy.get(portId));
  }

  #carriesOut(sequence: number | undefined): boolean {
    const { realized } = this.reconciler;
    return this.#openflow !== undefined && sequence !== undefined && realized !== undefined && realized >= sequence;
  }

  ofportOf(portId: string): number | undefined {
    return this.#facts?.interfaces.find((port) => port.ifaceId === portId)?.ofport;
  }

  /** Why this host does not carry out what it should, in words for an operator. */
  waitingReason(): string {
    if (!this.#ovsdb && !this.#openflow) return 'not connected';
    if (this.#ovsdbTrouble !== undefined) return this.#ovsdbTrouble;
    if (!this.#openflow) return 'OpenFlow is not connected';
    if (!this.#ovsdb) return 'the database is not connected';
    if (!this.reconciler.known) return 'the installed flows are being read';
    return `${this.reconciler.pending} changes are under way`;
  }

  errors(): readonly SwitchError[] {
    const errors: SwitchError[] = [];
    const tell = (key: string | number, element: string, error: string): void => {
      errors.push({ host: this.name, element, error, at: this.#refusedAt.get(key) ?? '' });
    };
    for (const [key, { error }] of this.reconciler.flows.refused) tell(key, this.flows.ownerOf(key) ?? key, error);
    for (const [id, { error }] of this.reconciler.meters.refused) tell(id, this.#meterOwner(id), error);
    return errors;
  }

  #meterOwner(meterId: number): string {
    const zone = Math.floor(meterId / 2);
    for (const [key, element] of this.flows.elements) if (element.kind === 'interface' && element.zone === zone) return key;
    return `meter/${meterId}`;
  }

  status(): HostStatus {
    const facts = this.#facts;
    const drift = Object.values(this.reconciler.drift).reduce((sum, { added, removed, changed }) => sum + added + removed + changed, 0);
    return {
      name: this.name,
      connected: this.#openflow !== undefined && this.reconciler.known,
      ovsdb: this.#ovsdb !== undefined,
      realizedRevision: this.#context.realization.realizedBy(this.name),
      flows: this.reconciler.flows.desired.size,
      driftRepaired: drift,
      errors: this.errors(),
      warnings: [
        ...(facts?.problems.map((problem) => describe(problem)) ?? []),
        ...(this.#ovsdbTrouble === undefined ? [] : [this.#ovsdbTrouble]),
      ],
      ...(facts?.datapathId !== undefined && { datapathId: facts.datapathId }),
      ...(facts?.datapathType !== undefined && { datapathType: facts.datapathType }),
      ...(facts?.encapIp !== undefined && { encapIp: facts.encapIp, encapIpSource: facts.encapIpSource }),
      ...(facts?.ovsVersion !== undefined && { ovsVersion: facts.ovsVersion }),
      ...(this.#openflow && { openflow: this.#openflow.version }),
    };
  }

  close(reason: string): void {
    this.#openflow?.close(reason);
    this.#ovsdb?.close();
  }
}

/** One sentence for an operator. */
function describe(problem: HostFacts['problems'][number]): string {
  switch (problem.kind) {
    case 'system-id-missing':
      return 'external_ids:system-id is missing: set it to the name of the host';
    case 'encap-ip-guessed':
      return `external_ids:weir-encap-ip is missing: ${problem.encapIp}, where the connection comes from, is taken as the tunnel address`;
    case 'encap-ip-malformed':
      return `${problem.source} is no IP address`;
    case 'encap-ip-missing':
      return 'no tunnel address is known: set external_ids:weir-encap-ip';
    case 'tunnel-name-taken':
      return `a port named ${problem.port} stands in the way of the tunnel port: rename it`;
    case 'tunnel-failed':
      return `the tunnel port does not work: ${problem.error}`;
    case 'interface-failed':
      return `interface ${problem.name} does not work: ${problem.error}`;
    case 'iface-id-twice':
      return `iface-id ${problem.ifaceId} stands on several ports: ${problem.names.join(', ')}`;
    case 'foreign-controller':
      return `controller ${problem.target}, which is not ours, is on the integration bridge`;
  }
}
