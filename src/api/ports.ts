import type { Budget } from '../admission/index.ts';
import type { Members } from '../../cluster/members/port.ts';
import type { Store } from '../../cluster/store/port.ts';
import type { Clock } from '../base/clock.ts';
import type { Counters, Read, Realized } from '../controller/ports.ts';
import type { Decide, Explain, Lint, Plan } from '../inquiry/ports.ts';
import type { PolicyLog } from '../journal/ports.ts';
import type { Admission, VmHooks } from '../lifecycle/ports.ts';

/** Everything the API needs of the program. The composition passes it in; tests pass something small. */
export interface ApiPorts {
  readonly clock: Clock;
  readonly admission: Admission;
  readonly budget: Budget;
  readonly store: Records;
  readonly realized: Realized;
  readonly read: Read;
  readonly policyLog: PolicyLog;
  readonly counters: Counters;
  readonly hooks: VmHooks;
  readonly explain: Explain;
  readonly decide: Decide;
  readonly plan: Plan;
  readonly lint: Lint;
  readonly cluster: Cluster;
  readonly log: ApiLog;
  readonly metrics: ApiMetrics;
}

/** The past and the stream of changes. */
export type Records = Pick<Store, 'revision' | 'compactedRevision' | 'get' | 'range' | 'watch' | 'transact'>;

/** A member of the cluster, as `weir status` shows it. */
interface Member {
  readonly name: string;
  readonly address: string;
  readonly leader: boolean;
  /** As this member sees it. */
  readonly reachable: boolean;
}

interface Cluster {
  readonly version: string;
  members(): readonly Member[];
  /** What is amiss with a member, and what to do. */
  warningsOf(member: string): readonly string[];
  readonly control: Pick<Members, 'isRemoved' | 'status' | 'add' | 'remove' | 'transfer' | 'backup'>;
  /** Undefined when requests can be served; else the reason why not. */
  unreadyReason(): string | undefined;
}

interface ApiLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface ApiMetrics {
  request(method: string, route: string, status: number, seconds: number): void;
  watchers(open: number): void;
  watcherCut(): void;
  /** The Prometheus text format. */
  expose(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** A secret is known by its SHA-256 only. */
export type Token = { readonly name: string; readonly sha256: Buffer } & (
  | { readonly role: 'platform' | 'compute' }
  | { readonly role: 'tenant'; readonly tenant: string }
);

export interface ApiOptions {
  readonly tokens: readonly Token[];
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string | undefined } | undefined;
  readonly bodyBytesMax: number;
  readonly requestsPerSecondMax: number | undefined;
  readonly watchersMax: number;
  readonly watchersPerTenantMax: number;
  readonly watchBufferBytesMax: number;
}
