import type { Revision } from '../../cluster/index.ts';
import type { Asked } from '../../policies/index.ts';
import type { Bounded, Conflict, EndSet, RuleName, Shadow } from '../../policies/verify/index.ts';
import type { Submitted, Write } from '../admission/index.ts';
import type { RuleAction, Tier } from '../../policies/compiled.ts';

/** Questions about the network, as the API may ask them. */

export interface Explain {
  /**
   * May this connection be opened, by what, which way does it go and what keeps it from passing?
   * Rejects with a WeirError: `malformed`, `reference-missing`, `compacted`.
   */
  explain(question: ExplainQuestion): Promise<Explanation>;
  /** The rule that has this number now: the one that a connection's `ct_label` records. Undefined: none, or none of `sees`. */
  rule(id: number, sees: string | undefined): Promise<NumberedRule | undefined>;
}

export interface ExplainQuestion extends Asked {
  /** By whose names `from` and `to` are meant; undefined: they name their tenant. */
  readonly tenant: string | undefined;
  /** A tenant that is told nothing of others; undefined: all is told. */
  readonly sees: string | undefined;
  /** A revision, or milliseconds since 1970; undefined: now. */
  readonly at: { readonly kind: 'revision'; readonly revision: number } | { readonly kind: 'time'; readonly wallMs: number } | undefined;
  /** Another sender's address and MAC than the interface's own. */
  readonly fromAddress?: string;
  readonly fromMac?: string;
}

export interface NumberedRule {
  readonly id: number;
  /** Undefined: the platform's. */
  readonly tenant: string | undefined;
  readonly policy: string;
  readonly direction: 'egress' | 'ingress';
  readonly rule: number;
  readonly words: string;
}

/** Members that are absent are not for the caller, or do not exist. */
export interface Explanation {
  readonly revision: number;
  /** Whether packets of this connection pass: the policies allow it and nothing else keeps it. */
  readonly passes: boolean;
  /** Of the policies alone. */
  readonly verdict: 'allow' | 'deny' | 'reject';
  /** One sentence: the verdict, or the first of the blockers. */
  readonly summary: string;
  readonly question: {
    readonly from: ExplainedEnd;
    readonly to: ExplainedEnd;
    readonly protocol: string;
    readonly port?: number;
    readonly type?: number;
    readonly code?: number;
  };
  readonly egress: ExplainedSide | null;
  readonly ingress: ExplainedSide | null;
  /** The first is the headline. */
  readonly blockers: readonly Blocker[];
  readonly path: Path;
  readonly hosts: readonly ExplainedHost[];
  readonly records: readonly ConnectionRecord[];
}

export interface ExplainedEnd {
  readonly address: string;
  readonly tenant?: string;
  readonly vm?: string;
  readonly interface?: string;
  readonly network?: string;
}

export interface ExplainedSide {
  readonly verdict: 'allow' | 'deny' | 'reject';
  readonly tier: Tier | 'posture';
  readonly policy?: string;
  readonly rule?: number;
  /** The number that `ct_label` records. */
  readonly id?: number;
  readonly words?: string;
  /** The policies that apply to the interface, in the order in which they were asked. */
  readonly tried?: readonly ExplainedTry[];
}

interface ExplainedTry {
  readonly tier: Tier;
  readonly policy: string;
  readonly rule?: number;
  readonly action?: RuleAction;
  readonly words?: string;
}

export type BlockerCode =
  | 'spoof-guard'
  | 'no-such-address'
  | 'no-route'
  | 'isolated'
  | 'vm-stopped'
  | 'no-host'
  | 'no-encap'
  | 'host-down'
  | 'wrong-host'
  | 'port-not-plugged'
  | 'not-realized'
  | 'switch-error'
  | 'other-side'
  | 'inconsistent';

export interface Blocker {
  readonly code: BlockerCode;
  readonly detail: string;
  /** What to do, in a sentence. */
  readonly advice: string;
  readonly side: 'from' | 'to' | 'both';
}

/** Networks and hosts in the order in which a packet passes them. */
export interface Path {
  readonly networks: readonly { readonly name: string; readonly vni: number }[];
  readonly router?: string;
  readonly hosts: readonly string[];
  readonly tunnel?: { readonly vni: number; readonly from?: string; readonly to?: string };
  /** Bytes of the largest IP packet. */
  readonly mtu?: number;
}

export interface ExplainedHost {
  readonly name: string;
  readonly role: 'sender' | 'receiver' | 'both';
  /** Absent when the past is asked. */
  readonly connected?: boolean;
  /** What the packet meets, in order. */
  readonly flows: readonly ExplainedFlow[];
  /** What becomes of the packet here. */
  readonly outcome: string;
}

export interface ExplainedFlow {
  readonly table: string;
  readonly priority: number;
  readonly match: string;
  readonly actions: string;
  /** The element that wants it. */
  readonly element: string;
  readonly packets?: number;
  readonly bytes?: number;
}

/** Where the rule that opened the connection is recorded on a host. */
export interface ConnectionRecord {
  readonly host: string;
  readonly zone: number;
  readonly label: string;
  readonly command: string;
}

/** Who asks, and in whose names. */
export interface DecideAsking {
  /** Ends are this tenant's VMs; undefined: `tenant/vm`. */
  readonly tenant: string | undefined;
  /** A tenant that is told of sides that are not its own the verdict and the tier alone; undefined: all is told. */
  readonly viewer: string | undefined;
  /** As they were sent: each is judged by itself. */
  readonly questions: readonly unknown[];
}

/** May this connection be opened? Policy alone, whatever the network carries. */
export interface Decide {
  /**
   * All answers are of one revision, at least that of every write acknowledged before.
   * @returns each answer as JSON, in the order asked: a verdict, or `{ error }` for a question that cannot be answered
   */
  decide(asking: DecideAsking): Promise<{ readonly revision: Revision; readonly answers: readonly string[] }>;
}

/** What a set of documents would change, before it is made. */
export interface Plan {
  /** Stores nothing. Rejects as the writes themselves would, and with a WeirError `rate-limited` when too many are asked at once. */
  plan(request: PlanRequest): Promise<Planned>;
}

export interface PlanRequest {
  readonly writes: readonly Write[];
  /** A tenant that is told nothing of others; undefined: all is told. */
  readonly sees: string | undefined;
}

export interface Planned {
  readonly submitted: Submitted;
  /** The revision that is compared with. */
  readonly revision: Revision;
  /** Documents that would be written, those that an intent owns included. */
  readonly changes: number;
  readonly connectivity: Listed<PlannedConnectivity>;
  /** Those that are not there now. */
  readonly shadowed: Listed<Shadow>;
  readonly conflicts: Listed<Conflict>;
  readonly flows: PlannedFlows;
  readonly quota: readonly PlannedQuota[];
  readonly timings: PlanTimings;
}

/** Milliseconds, with what else the process did meanwhile. */
export type PlanTimings = Readonly<Record<'validation' | 'connectivity' | 'findings' | 'flows' | 'counters' | 'total', number>>;

/** `complete`: nothing was left out, neither of the list nor of what it was made from. */
interface Listed<T> {
  readonly items: readonly T[];
  readonly complete: boolean;
}

/** An end of connections: a named set, or somebody of whom the caller may not know. */
export type PlannedEnd =
  | Exclude<EndSet, { readonly kind: 'addresses' }>
  | { readonly kind: 'addresses'; readonly cidrs: readonly string[]; readonly except: readonly string[] }
  | { readonly kind: 'another-tenant' };

/** Exactly the connections that begin or cease to be possible, see `ConnectivityRow`. */
export interface PlannedConnectivity {
  readonly change: 'gains' | 'loses';
  readonly from: readonly PlannedEnd[];
  readonly to: readonly PlannedEnd[];
  readonly services: readonly string[];
  /** Undefined: of both. */
  readonly family: 4 | 6 | undefined;
  /** What the rules that allow it now have counted: all of their traffic, of which this may be a part. Undefined: none. */
  readonly traffic: PlannedTraffic | undefined;
  /** Not all of its ends and services are listed. */
  readonly isCut: boolean;
}

export interface PlannedTraffic {
  readonly packets: number;
  /** Unix epoch. */
  readonly lastHitMs: number | undefined;
  readonly rules: readonly RuleName[];
}

/** `complete`: false when more would have to be compiled than is done for a question. */
export interface PlannedFlows {
  readonly hosts: readonly PlannedHostFlows[];
  readonly complete: boolean;
}

export interface PlannedHostFlows {
  readonly host: string;
  /** Undefined when they are not known, or not for the caller. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly gained: number;
  readonly lost: number;
}

export interface PlannedQuota {
  readonly tenant: string;
  readonly name: 'networks' | 'vms' | 'interfaces' | 'policies' | 'flows';
  readonly before: number;
  readonly after: number;
  readonly limit: number | undefined;
}

/** Rules that never decide, and rules that contradict each other, now. */
export interface Lint {
  /**
   * Among the stored policies of one owner (undefined: the platform) or of everybody (null); so many of each at most are listed.
   * Rejects with a WeirError `rate-limited` when too many are asked at once.
   */
  ofOwner(owner: string | undefined | null, max: number): Promise<Linted>;
  /** Of single policies, in their order: what they are one side of. */
  ofPolicies(ids: readonly { readonly tenant: string | undefined; readonly name: string }[], max: number): Promise<readonly Linted[]>;
  /** Among the policies of those whose documents these are, if they were written. Rejects as `Plan.plan` does. */
  ofWrites(request: PlanRequest, max: number): Promise<Linted>;
}

export interface Linted {
  readonly revision: Revision;
  /** All that was written has been looked at; else some of it still is. */
  readonly isSettled: boolean;
  readonly shadowed: Bounded<Shadow>;
  readonly conflicts: Bounded<Conflict>;
}
