import type { RangeRequest, RangeResult, Revision, Watch } from '../../cluster/index.ts';
import type { WeirError } from '../base/errors.ts';
import type { Document, Kind, PolicyNumbers, RouterNumbers, TenantNumbers, VmNumbers } from '../../policies/model/index.ts';

/**
 * What admission offers to the API, the hooks and the controller.
 * A Snapshot is the whole present state, parsed, in memory, at one revision; it is replaced in structure-sharing or
 * mutable form by each commit, always in revision order.
 */

/** `tenant` is undefined for Tenant, Host and the platform's own. */
export interface ResourceId {
  readonly kind: Kind;
  readonly tenant: string | undefined;
  readonly name: string;
}

export interface Stored<K extends Kind = Kind> {
  readonly document: Extract<Document, { kind: K }>;
  /** Of the last write of this document. */
  readonly revision: Revision;
}

export interface Snapshot {
  readonly revision: Revision;
  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): Stored<K> | undefined;
  /** In order of tenant, the platform first, then name. Undefined: of every owner. Null: the platform's own. */
  list<K extends Kind>(kind: K, tenant?: string | null): Iterable<Stored<K>>;
  tenantNumbers(tenant: string): TenantNumbers | undefined;
  routerNumbers(tenant: string | undefined, name: string): RouterNumbers | undefined;
  policyNumbers(tenant: string | undefined, name: string): PolicyNumbers | undefined;
  vmNumbers(tenant: string, name: string): VmNumbers | undefined;
}

/** As much of a commit as a snapshot follows from. */
export interface FollowedCommit {
  readonly revision: Revision;
  readonly wallMs: number;
  /** Without `after` the key is gone. */
  readonly changes: readonly { readonly key: string; readonly after?: FollowedEntry }[];
}

export interface FollowedEntry {
  readonly value: string;
  readonly modRevision: Revision;
}

/** As much of the store as a snapshot follows. */
export interface FollowedStore<C extends FollowedCommit = FollowedCommit> {
  readonly revision: Revision;
  range(request: RangeRequest): Promise<RangeResult>;
  watch(since: Revision, onCommits: (commits: readonly C[]) => void, onEnd: (error: WeirError) => void): Watch;
}

/** What a tenant has of what quotas limit, and the limits that it has. */
export interface Usage {
  readonly networks: Used;
  readonly vms: Used;
  readonly interfaces: Used;
  readonly policies: Used;
  /** At most, on a host that holds all of the tenant. */
  readonly flows: Used;
}

interface Used {
  readonly used: number;
  readonly limit?: number;
}

/** How many flows things come to at most, by arithmetic, before any of them is made. */
export interface Budget {
  usage(tenant: string): Usage;
  /** On one host, for one tenant. */
  flowsOf(id: ResourceId): number;
}

/** One committed revision: which documents and which numbers it touched. The snapshot passed along already contains it. */
export interface Committed {
  readonly revision: Revision;
  readonly wallMs: number;
  readonly documents: readonly { readonly id: ResourceId; readonly before: Stored | undefined; readonly after: Stored | undefined }[];
  readonly numbers: readonly ResourceId[];
}
