import type { Revision } from '../../cluster/store/port.ts';
import type { ResourceId } from '../admission/ports.ts';
import type { Flow } from '../../flows/model/index.ts';
import type { ElementKey, InterfaceElement } from '../../policies/compiled.ts';
import type { Address, Mac } from '../base/addresses.ts';
import type { Kind } from '../../policies/model/kinds.ts';

/** What the API and the hooks may know of the controller. */

/** Why a host does not yet carry a revision. */
export interface Waiting {
  readonly host: string;
  readonly reason: string;
}

/** Milliseconds. */
export interface CompileTimes {
  /** Policies to elements, elements to flows, on all hosts. */
  readonly overlayMs: number;
  /** Meters. */
  readonly qosMs: number;
}

export type Realization = { readonly realized: true } | { readonly realized: false; readonly waiting: readonly Waiting[] };

export interface Realized {
  /**
   * Settles when every switch that the change concerns has committed `revision`, or when `timeoutMs` is over.
   * A change that concerns no switch is realized at once.
   */
  waitRealized(revision: Revision, timeoutMs: number): Promise<Realization>;
  /** Follows a change to a VM as far as it is asked to, or until `timeoutMs` is over: one question for all that its answer needs. */
  follow(change: VmChange): Promise<Followed>;
}

export interface VmChange {
  readonly tenant: string;
  readonly vm: string;
  readonly revision: Revision;
  /** What is waited for: another revision where the change repeats it. */
  readonly awaited: Revision;
  /** `active`: realized, and all of the VM's ports are plugged and forwarding. */
  readonly until: 'compiled' | 'realized' | 'active';
  readonly timeoutMs: number;
}

export interface Followed {
  /** On compiling the commit. Zeros for one that is long past, or not compiled in time. */
  readonly spent: CompileTimes;
  /** In time; true where that was not asked, or is not realized. */
  readonly isActive: boolean;
  readonly realization: Realization;
  /** Of the VM, when that was so. */
  readonly effect: Effect;
}

export interface InterfaceStatus {
  readonly name: string;
  readonly portId: string;
  /** `prepared`: every flow that needs no port number is committed. `active`: the port is plugged and forwards. */
  readonly phase: 'stopped' | 'pending' | 'prepared' | 'active' | 'wrong-host';
  readonly host?: string;
  readonly ofport?: number;
  readonly reason?: string;
}

export interface HostStatus {
  readonly name: string;
  readonly connected: boolean;
  readonly ovsdb: boolean;
  readonly datapathId?: string;
  readonly datapathType?: string;
  readonly openflow?: string;
  readonly encapIp?: string;
  readonly encapIpSource?: string;
  readonly ovsVersion?: string;
  readonly realizedRevision: Revision;
  readonly flows: number;
  /** Flows somebody else added, altered or deleted and that were put right. */
  readonly driftRepaired: number;
  readonly errors: readonly SwitchError[];
  readonly warnings: readonly string[];
}

/** What the owner of a switch tells the other members. */
export interface HostReport {
  readonly owner: string;
  readonly status: HostStatus;
  readonly waitingReason: string;
  /** Ports by what is committed of them. */
  readonly prepared: readonly string[];
  readonly active: readonly string[];
}

/** An OpenFlow error that a switch answered, and the resource it concerns. */
export interface SwitchError {
  readonly host: string;
  /** Element key, for example `rule/7/tenant/egress/42`. */
  readonly element: string;
  readonly error: string;
  readonly at: string;
}

/** What is in effect of a resource. */
export interface Effect {
  /** Of its rules, its networks, its interfaces. */
  readonly errors: readonly SwitchError[];
  /** Of a VM. */
  readonly interfaces: readonly InterfaceStatus[];
  /** Of a host that ever connected. */
  readonly host: HostStatus | undefined;
}

/** Status is never stored: it is read from the owner of each switch at the moment of asking. One question for all that one answer needs. */
export interface Read {
  hosts(): Promise<readonly HostStatus[]>;
  /** Of each resource, in their order. */
  effects(resources: readonly ResourceId[]): Promise<readonly Effect[]>;
}

/** The same for whoever is where the switches are: all at one moment. */
export interface Seen {
  hostStatus(name: string): HostStatus | undefined;
  hosts(): readonly HostStatus[];
  interfaceStatus(tenant: string, vm: string): readonly InterfaceStatus[];
  /** Errors that concern a resource: its rules, its networks, its interfaces. */
  errorsOf(kind: Kind, tenant: string | undefined, name: string): readonly SwitchError[];
}

/** What became of a packet that came up to the controller. */
export type RaisedOutcome =
  | 'answered'
  | 'queued'
  /** To this one no answer may be sent. */
  | 'unanswerable'
  /** There were too many of its interface. */
  | 'limited'
  | 'malformed'
  /** It came from no flow of ours, or of an interface that has gone. */
  | 'unknown';

/** What hosts should have, for questions about it. */
export interface Intentions {
  /** Undefined for a host on which nothing was ever placed and that never connected. */
  of(host: string): Intended | undefined;
}

/** What one host should have, at this moment: read it before anything else happens. */
export interface Intended {
  /** Rises with each change of the flows. */
  readonly version: number;
  readonly flowCount: number;
  flowKeys(): Iterable<string>;
  flow(key: string): Flow | undefined;
  /** The element or port that wants a flow. */
  ownerOf(key: string): string | undefined;
  interfaceOf(portId: string): InterfaceElement | undefined;
  /** Of a port that is plugged and bound. */
  ofportOf(portId: string): number | undefined;
  readonly tunnelOfport: number | undefined;
  /** Why the host does not carry out what it should, as long as it does not. */
  readonly waitingReason: string;
}

/** What a rule has decided, summed over all hosts, as last read. None of it goes back while the rule's content stays as it is. */
export interface RuleCounters {
  /** Of connections that the rule decides, both directions; each side of a connection is judged for itself. */
  readonly packets: number;
  readonly bytes: number;
  /** Opened, or refused when they would have been; 0 for a rule that passes. */
  readonly connections: number;
  /** Unix epoch; as exact as the interval between two readings. */
  readonly lastHitMs: number | undefined;
  /** Unix epoch: from when on it is counted. */
  readonly sinceMs: number;
}

/** A flow as the switch has it at the moment of asking; match and actions are text as ovs-ofctl writes it. */
export interface LiveFlow {
  readonly element: ElementKey;
  readonly table: string;
  readonly priority: number;
  readonly match: string;
  readonly actions: string;
  readonly packets: number;
  readonly bytes: number;
}

/** And how many flows it takes on all switches together. */
export interface RuleReading extends RuleCounters {
  readonly flows: number;
}

/** Counters are read from the switches now and then; a rule is known by its number (`policyNumbers`). */
export interface Counters {
  /** Without the numbers that no rule has. */
  ofRules(ids: readonly number[]): Promise<ReadonlyMap<number, RuleReading>>;
  /** Reads every connected host now; settles when all have answered or after 2 s. A host is read once a second at most. */
  refresh(): Promise<void>;
}

/** What the switches have installed, asked of them. */
export interface InstalledFlows {
  /**
   * Installed flows of some elements, 256 elements and 4,096 flows at most.
   * @throws WeirError `switch-unreadable` when the host is not connected or does not answer within 3 s
   */
  flowsOf(host: string, elements: ReadonlySet<ElementKey>): Promise<readonly LiveFlow[]>;
}

/** A packet that a rule with `log: true` decided, as it came up. */
export interface LoggedPacket {
  readonly host: string;
  /** The interface that was judged. */
  readonly portId: string;
  /** The rule's number. */
  readonly rule: number;
  /** It was on its way into that interface; else it was leaving it. */
  readonly entering: boolean;
  /** Perhaps cut, and never to be believed. */
  readonly frame: Uint8Array;
  /** Where the owner of an address is that this interface can reach, as the host knows it. */
  ownerOf(address: Address): { readonly vni: number; readonly mac: Mac } | undefined;
}

/** What an operator wants to know of switches. Logged and counted by kind. */
export type ControllerEvent =
  | { readonly kind: 'switch-connected'; readonly host: string; readonly openflow: string; readonly address: string }
  | { readonly kind: 'switch-disconnected'; readonly host: string; readonly reason: string }
  /** Another member owns it from now on. */
  | { readonly kind: 'switch-yielded'; readonly host: string; readonly owner: string }
  | { readonly kind: 'switch-refused'; readonly address: string; readonly reason: string; readonly host?: string }
  | { readonly kind: 'ovsdb-connected'; readonly host: string; readonly address: string }
  | { readonly kind: 'ovsdb-disconnected'; readonly host: string; readonly reason: string }
  | { readonly kind: 'ovsdb-refused'; readonly host: string; readonly reason: string }
  /** `count` of the same error; the others before it were counted but not told. */
  | { readonly kind: 'openflow-error'; readonly host: string; readonly element: string; readonly error: string; readonly count?: number }
  | { readonly kind: 'drift-repaired'; readonly host: string; readonly what: string; readonly count: number }
  | { readonly kind: 'host-not-registered'; readonly host: string; readonly reason: string }
  /** The counters of before cannot be read: they begin anew. */
  | { readonly kind: 'counters-lost'; readonly reason: string }
  /** The counters are not on disk; it is tried again within a minute. */
  | { readonly kind: 'counters-unsaved'; readonly reason: string }
  | { readonly kind: 'port-bound'; readonly host: string; readonly portId: string; readonly ofport: number }
  | { readonly kind: 'port-unbound'; readonly host: string; readonly portId: string; readonly reason: string }
  /** What is installed was compared with what should be, and the difference is carried out. */
  | {
      readonly kind: 'resynced';
      readonly host: string;
      readonly revision: number;
      readonly flowsSent: number;
      readonly durationMs: number;
    };
