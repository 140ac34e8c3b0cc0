import type { Document, Kind, PolicyNumbers, RouterNumbers, TenantNumbers, VmNumbers } from '../../policies/model/index.ts';
import { assert } from '../base/errors.ts';
import type { ResourceId } from './ports.ts';

/**
 * Everything that admission keeps in the store, by key:
 *
 *   doc/<Kind>/<tenant or "-">/<name>    what users write
 *   num/<Kind>/<tenant or "-">/<name>    the numbers inside flows (policies/model/stored.ts)
 *   next/<Kind>/<tenant or "-">/<name>   where an allocation goes on, so that what was released is reused last
 *   free/vni/<vni>                       a released VNI; the revision of the key is that of the release
 *   seq/<name>                           the next of a number that is never reused
 *   idem/<tenant>/<hash>                 an answer kept for an idempotency key
 *   idem/<tenant>/Vm/<name>              the answer to the deletion of a VM, which is repeated without a key
 *   guard/<scope>                        written by every transaction that concerns the scope, compared by the next
 *   slot/<proposer>/<n>                  written by one transaction in flight of one proposer: see flight.ts
 *
 * Names are DNS labels: no key part contains a slash, none is "-".
 */
export type Key<T = unknown> = string & { readonly valueType?: T };

export const prefixes = ['doc/', 'free/', 'guard/', 'idem/', 'next/', 'num/', 'seq/', 'slot/'] as const;

export type DocumentOfKind<K extends Kind> = Extract<Document, { kind: K }>;

/** Last address given out, by subnet. */
export type NetworkCursor = Readonly<Record<string, string>>;
/** Last zone given out. */
export type HostCursor = { readonly zone: number };
/** Group bits in the order in which they were freed. */
export type TenantCursor = { readonly freed: readonly number[] };
export type FreeVni = { readonly vni: number };
export type Sequence = { readonly next: number };
/** Which transaction of which proposer wrote it last: how a proposer knows its own commits again. */
export type Guard = string;
/** `atMs`: wall clock when the transaction was proposed. `launched` makes it another value each time. */
export interface Slot {
  readonly atMs: number;
  readonly launched: number;
}
export interface KeptAnswer {
  readonly atMs: number;
  readonly fingerprint: string;
  readonly results: readonly (ResourceId & {
    readonly action: 'created' | 'updated' | 'unchanged' | 'deleted';
    /** The document that was deleted, with its revision: JSON in JSON, as hardly any is looked at again. */
    readonly removed?: string;
  })[];
}

const part = (tenant: string | undefined): string => tenant ?? '-';

export const documentKey = <K extends Kind>(kind: K, tenant: string | undefined, name: string): Key<DocumentOfKind<K>> =>
  `doc/${kind}/${part(tenant)}/${name}`;
export const keyOf = (id: ResourceId): Key<Document> => documentKey(id.kind, id.tenant, id.name);

export const tenantNumbersKey = (tenant: string): Key<TenantNumbers> => `num/Tenant/-/${tenant}`;
export const routerNumbersKey = (tenant: string | undefined, name: string): Key<RouterNumbers> => `num/Router/${part(tenant)}/${name}`;
export const policyNumbersKey = (tenant: string | undefined, name: string): Key<PolicyNumbers> => `num/Policy/${part(tenant)}/${name}`;
export const vmNumbersKey = (tenant: string, name: string): Key<VmNumbers> => `num/Vm/${tenant}/${name}`;

export const networkCursorKey = (tenant: string, name: string): Key<NetworkCursor> => `next/Network/${tenant}/${name}`;
export const hostCursorKey = (host: string): Key<HostCursor> => `next/Host/-/${host}`;
export const tenantCursorKey = (tenant: string): Key<TenantCursor> => `next/Tenant/-/${tenant}`;

export const freeVniKey = (vni: number): Key<FreeVni> => `free/vni/${String(vni).padStart(8, '0')}`;
export const sequenceKey = (name: 'tenant' | 'domain' | 'rule'): Key<Sequence> => `seq/${name}`;
export const keptAnswerKey = (tenant: string, hash: string): Key<KeptAnswer> => `idem/${tenant}/${hash}`;
export const keptRemovalKey = (tenant: string, name: string): Key<KeptAnswer> => `idem/${tenant}/Vm/${name}`;
export const isRemovalKey = (key: Key): boolean => key.startsWith('idem/') && key.includes('/Vm/');
export const guardKey = (scope: Scope): Key<Guard> => `guard/${scope}`;

export const slotKey = (proposer: string, slot: number): Key<Slot> => `slot/${proposer}/${slot}`;

export interface KeyParts {
  readonly space: string;
  readonly kind: Kind;
  readonly tenant: string | undefined;
  readonly name: string;
}

/** Of a key below `doc/`, `num/` and `next/`. */
export function partsOf(key: Key): KeyParts {
  const [space, kind, tenant, name] = key.split('/');
  assert(space !== undefined && kind !== undefined && tenant !== undefined && name !== undefined, `"${key}" has four parts`);
  return { space, kind: kind as Kind, tenant: tenant === '-' ? undefined : tenant, name };
}

export const isDocumentKey = (key: Key): boolean => key.startsWith('doc/');
export const isNumbersKey = (key: Key): boolean => key.startsWith('num/');

/** What transactions of different proposers can concern at the same time without harm. */
export type Scope = string;

export const tenantScope = (tenant: string): Scope => `tenant/${tenant}`;
export const platformScope: Scope = 'platform';
/** The tunnel addresses of all hosts. */
export const hostsScope: Scope = 'hosts';
/** One host and its zones. */
const hostScope = (host: string): Scope => `host/${host}`;

/** Every key belongs to one scope, and whoever writes a key guards its scope. */
export function scopeOf(key: Key): Scope {
  if (key.startsWith('free/')) return 'vni';
  if (key.startsWith('seq/')) return key;
  const [space, kind, owner, name] = key.split('/');
  if (space === 'idem') return tenantScope(kind ?? '');
  if (kind === 'Tenant') return tenantScope(name ?? '');
  if (kind === 'Host') return hostScope(name ?? '');
  return owner === '-' || owner === undefined ? platformScope : tenantScope(owner);
}
