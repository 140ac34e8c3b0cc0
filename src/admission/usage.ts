import { resolveName } from '../../policies/model/index.ts';
import { kinds } from '../../policies/model/parse.ts';
import type { Document } from '../../policies/model/index.ts';
import type { Draft } from './draft.ts';
import { idOf } from './draft.ts';
import { AdmissionError } from './error.ts';
import { documentKey, keyOf } from './keys.ts';
import type { Key } from './keys.ts';
import type { ResourceId } from './ports.ts';

export const nameOf = (id: ResourceId): string => `${id.kind} ${id.tenant === undefined ? '' : `${id.tenant}/`}${id.name}`;

/** Refuses to let go of a document that others name, or of a tenant that has documents. */
export function refuseIfUsed(draft: Draft, document: Document): void {
  const users = document.kind === 'Tenant' ? tenantUsers(draft, document.metadata.name) : usersOf(draft, document);
  refuseUsers(document, users, 'is in use');
}

export function refuseUsers(document: Document, everybody: readonly ResourceId[], reason: string): void {
  if (everybody.length === 0) return;
  const users = asSeenBy(document.metadata.tenant, everybody);
  const id: ResourceId = { kind: document.kind, tenant: document.metadata.tenant, name: document.metadata.name };
  const listed = users.slice(0, listedMax).map(nameOf).join(', ');
  const more = users.length > listedMax ? ` and ${users.length - listedMax} more` : '';
  throw new AdmissionError('in-use', `${nameOf(id)} ${reason}: by ${listed}${more}`, { users });
}

/** Of another tenant the owner of a network learns only that it is there: it has shared the network with it. */
export function asSeenBy(owner: string | undefined, users: readonly ResourceId[]): readonly ResourceId[] {
  if (owner === undefined) return users;
  const seen = new Map<string, ResourceId>();
  for (const user of users) {
    const isForeign = user.tenant !== undefined && user.tenant !== owner;
    const shown: ResourceId = isForeign ? { kind: 'Tenant', tenant: undefined, name: user.tenant } : user;
    seen.set(keyOf(shown), shown);
  }
  return [...seen.values()];
}

const listedMax = 3;
const tenantUsersMax = 100;

function tenantUsers(draft: Draft, tenant: string): readonly ResourceId[] {
  const users = [...draft.usersOf(documentKey('Tenant', undefined, tenant))];
  if (draft.working.tallies.of(tenant).documents === 0) return users;
  for (const kind of kinds) {
    for (const { document } of draft.working.records.list(kind, tenant)) {
      if (users.length === tenantUsersMax) return users;
      users.push({ kind, tenant, name: document.metadata.name });
    }
  }
  return users;
}

/** Documents that name this one. A service of the platform is not used where a tenant's own of the same name goes before it. */
function usersOf(draft: Draft, document: Document): readonly ResourceId[] {
  const { kind, metadata } = document;
  const users = byIntents(draft, draft.usersOf(keyOf({ kind, tenant: metadata.tenant, name: metadata.name })));
  if (kind !== 'Service' || metadata.tenant !== undefined) return users;
  return users.filter(
    (user) =>
      user.tenant === undefined || !hasOwnService(draft, user.tenant, metadata.name) || namesPlatformService(draft, user, metadata.name),
  );
}

/** What belongs to an intent uses nothing by itself: the intent does. */
function byIntents(draft: Draft, users: readonly ResourceId[]): readonly ResourceId[] {
  const shown = new Map<Key, ResourceId>();
  for (const user of users) {
    const intent = draft.document(keyOf(user))?.metadata.ownedBy;
    const id: ResourceId = intent === undefined ? user : { kind: 'Intent', tenant: user.tenant, name: intent.name };
    shown.set(keyOf(id), id);
  }
  return [...shown.values()];
}

const hasOwnService = (draft: Draft, tenant: string, name: string): boolean =>
  draft.value(documentKey('Service', tenant, name)) !== undefined;

function namesPlatformService(draft: Draft, user: ResourceId, name: string): boolean {
  const policy = draft.document(keyOf(user));
  if (policy?.kind !== 'Policy') return false;
  return [...policy.spec.ingress, ...policy.spec.egress].some((rule) => rule.services?.includes(`platform/${name}`));
}

/** The tenants from which documents name a network, its own left out. */
export function foreignUsers(draft: Draft, network: Key, isShared: (tenant: string) => boolean): readonly ResourceId[] {
  const owner = idOf(network).tenant;
  return draft.usersOf(network).filter((user) => user.tenant !== undefined && user.tenant !== owner && !isShared(user.tenant));
}

/** Whether a tenant may use a network that it names: its own, or one shared with it. */
export function mayUse(draft: Draft, tenant: string, reference: string): boolean {
  const { tenant: owner, name } = resolveName(tenant, reference);
  const network = draft.value(documentKey('Network', owner, name));
  return network !== undefined && (owner === tenant || network.spec.sharedWith.includes(tenant));
}
