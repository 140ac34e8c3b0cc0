import { profiles } from '../../policies/model/index.ts';
import { parseDocument } from '../../policies/model/parse.ts';
import type { Document, Issue, Kind, Parsed, Wanted, WantedOf } from '../../policies/model/index.ts';
import { randomUuid } from '../base/random.ts';
import { idOf } from './draft.ts';
import type { Draft } from './draft.ts';
import { AdmissionError } from './error.ts';
import type { RefusalCode } from './error.ts';
import { documentKey, scopeOf } from './keys.ts';
import type { DocumentOfKind, Key } from './keys.ts';
import { groupHandler } from './kinds/group.ts';
import type { Handler } from './kinds/handler.ts';
import { hostHandler } from './kinds/host.ts';
import { intentHandler } from './kinds/intent.ts';
import { networkHandler } from './kinds/network.ts';
import { policyHandler, qosPolicyHandler } from './kinds/policy.ts';
import { routerHandler } from './kinds/router.ts';
import { serviceHandler } from './kinds/service.ts';
import { tenantHandler } from './kinds/tenant.ts';
import { vmHandler } from './kinds/vm.ts';
import { policiesNaming } from './numbers/reach.ts';
import { checkMayGo, checkNotOwned, leftBehind, ownedDocument } from './owned.ts';
import type { ResourceId } from './ports.ts';
import { referencesOf } from './references.ts';
import type { Reference } from './references.ts';
import type { Precondition, WriteOf } from './request.ts';
import { nameOf } from './usage.ts';

const handlers: { readonly [K in Kind]: Handler<K> } = {
  Tenant: tenantHandler,
  Host: hostHandler,
  Network: networkHandler,
  Router: routerHandler,
  Group: groupHandler,
  Service: serviceHandler,
  Policy: policyHandler,
  QosPolicy: qosPolicyHandler,
  Vm: vmHandler,
  Intent: intentHandler,
};

/** References point from later kinds to earlier ones: in this order a document finds what it names. */
export const kindOrder = Object.keys(handlers) as readonly Kind[];

/** What is wrong with a document makes one refusal; its code is that of the first thing that no schema can say, if nothing else is wrong. */
export function parseWrite(write: WriteOf<'put'> | WriteOf<'apply'>, pointer: string): Wanted {
  const parsed =
    write.verb === 'put'
      ? parsePut(write)
      : parseDocument(write.raw, write.defaultTenant === undefined ? {} : { defaultTenant: write.defaultTenant });
  if (parsed.ok) return parsed.value;
  throw issuesError(parsed.issues, pointer);
}

function parsePut(write: WriteOf<'put'>): Parsed<Wanted> {
  const owner = write.tenant === undefined ? ({ kind: 'platform' } as const) : ({ kind: 'tenant', name: write.tenant } as const);
  return parseDocument(write.raw, { kind: write.kind, name: write.name, owner });
}

function issuesError(issues: readonly Issue[], pointer: string): AdmissionError {
  const codes = new Set(issues.map((issue) => issue.code));
  const code: RefusalCode = codes.has('malformed') ? 'malformed' : (issues[0]?.code ?? 'malformed');
  const errors = issues.map((issue) => ({ pointer: pointer + issue.pointer, detail: issue.detail }));
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new AdmissionError(code, `${first?.pointer ?? ''} ${first?.detail ?? 'is malformed'}${more}`.trimStart(), { errors });
}

export function checkPrecondition(draft: Draft, id: ResourceId, when: Precondition | undefined): void {
  if (when === undefined) return;
  const before = draft.before(id);
  if (when.kind === 'absent' && before !== undefined) throw new AdmissionError('stale', `${nameOf(id)} exists already`);
  if (when.kind === 'at' && before === undefined) throw new AdmissionError('stale', `${nameOf(id)} does not exist`);
  if (when.kind === 'at' && before !== undefined && before.revision !== when.revision) {
    throw new AdmissionError('stale', `${nameOf(id)} is at revision ${before.revision}, not ${when.revision}`);
  }
}

/** First pass: what the document will not keep is given up. */
export function release(draft: Draft, wanted: Wanted): void {
  releaseKind(draft, wanted as WantedOf<Kind>);
}

function releaseKind<K extends Kind>(draft: Draft, wanted: WantedOf<K>): void {
  const before = draft.value(documentKey(wanted.kind, wanted.tenant, wanted.name));
  if (before !== undefined) (handlers[wanted.kind] as Handler<K>).release?.(draft, wanted, before);
}

/** Second pass: the document takes its place. */
export function place(draft: Draft, wanted: Wanted): void {
  placeKind(draft, wanted as WantedOf<Kind>);
}

function placeKind<K extends Kind>(draft: Draft, wanted: WantedOf<K>): void {
  const handler = handlers[wanted.kind] as Handler<K>;
  const key = documentKey(wanted.kind, wanted.tenant, wanted.name);
  const before = draft.before(wanted)?.value as DocumentOfKind<K> | undefined;
  weighOwners(draft, wanted);
  const spec = handler.resolve(draft, wanted, before);
  const { name, tenant, labels } = wanted;
  const document = {
    kind: wanted.kind,
    metadata: {
      name,
      ...(tenant === undefined ? {} : { tenant }),
      labels,
      ...(before?.metadata.ownedBy === undefined ? {} : { ownedBy: before.metadata.ownedBy }),
      uid: before?.metadata.uid ?? randomUuid(draft.random),
      createdAt: before?.metadata.createdAt ?? new Date(draft.wallMs).toISOString(),
    },
    spec,
  } as DocumentOfKind<K>;
  checkNotOwned(wanted as Wanted, before, document);
  store(draft, key, before, document);
  if (document.kind === 'Intent') settleOwned(draft, before as Intent | undefined, document as Intent);
}

type Intent = DocumentOfKind<'Intent'>;

/** Writes what an intent owns now, then takes away what it owned before. */
function settleOwned(draft: Draft, before: Intent | undefined, after: Intent | undefined): void {
  const owner = after?.metadata ?? before?.metadata;
  const compiled = after === undefined ? [] : (draft.compiled.get(documentKey('Intent', owner?.tenant, owner?.name ?? '')) ?? []);
  for (const owned of compiled) {
    if (after === undefined) break;
    const documents = ownedDocument(draft, after, owned);
    weighOwners(draft, { kind: owned.kind, tenant: owner?.tenant, name: owned.name });
    store(draft, documentKey(owned.kind, owner?.tenant, owned.name), documents.before as never, documents.after as never);
  }
  for (const id of leftBehind(before, after)) {
    weighOwners(draft, id);
    takeAway(draft, id);
  }
}

/** Of the document and of every policy that it can make larger: a platform policy may name what an interface declares. */
function weighOwners(draft: Draft, { kind, tenant, name }: ResourceId): void {
  for (const owner of [tenant, undefined]) draft.weigh(owner);
  if (kind !== 'Group' && kind !== 'Service') return;
  for (const policy of policiesNaming(draft, { kind, tenant, name })) draft.weigh(policy.metadata.tenant);
}

/** Puts a document, its numbers and its references in order. Everything that writes a document comes through here. */
export function store<K extends Kind>(
  draft: Draft,
  key: Key<DocumentOfKind<K>>,
  before: DocumentOfKind<K> | undefined,
  after: DocumentOfKind<K>,
): void {
  checkReferences(draft, key, before, after);
  draft.write(key, after);
  (handlers[after.kind] as Handler<K>).changed?.(draft, before, after);
}

/** What others use cannot go: that is checked when the whole request is in place. */
export function remove(draft: Draft, id: ResourceId): void {
  const key = documentKey(id.kind, id.tenant, id.name);
  const before = draft.value(key);
  if (before === undefined) throw new AdmissionError('not-found', `there is no ${nameOf(id)}`);
  checkMayGo(id, before);
  takeAway(draft, id);
  if (before.kind === 'Intent') settleOwned(draft, before, undefined);
}

function takeAway(draft: Draft, id: ResourceId): void {
  const key = documentKey(id.kind, id.tenant, id.name);
  const before = draft.value(key);
  if (before === undefined) return;
  draft.weigh(id.tenant);
  touchReferences(draft, before, undefined);
  draft.write(key, undefined);
  (handlers[id.kind] as Handler<Kind>).changed?.(draft, before, undefined);
}

/** All of what is missing at once: what the owner may not use is missing like what is nowhere, and found at the same point. */
function checkReferences(draft: Draft, key: Key, before: Document | undefined, after: Document): void {
  touchReferences(draft, before, after);
  const missing: Reference[] = [];
  for (const reference of referencesOf(after)) {
    const isThere = reference.targets.some((candidate) => isOpenTo(after.metadata.tenant, draft.document(candidate)));
    if (!isThere && (reference.profile === undefined || !profiles.has(reference.profile))) missing.push(reference);
  }
  if (missing.length === 0) return;
  const errors = missing.map((reference) => ({
    pointer: reference.pointer,
    detail: `there is no ${nameOf(idOf(reference.targets[0] ?? key))}`,
  }));
  const first = errors[0];
  throw new AdmissionError('reference-missing', `${first?.pointer ?? ''} ${first?.detail ?? ''}`, { errors });
}

/** The platform may name every network, a tenant its own and those that are shared with it. */
function isOpenTo(tenant: string | undefined, named: Document | undefined): boolean {
  if (named?.kind !== 'Network' || tenant === undefined) return named !== undefined;
  return named.metadata.tenant === tenant || named.spec.sharedWith.includes(tenant);
}

/**
 * What is named for the first time must not go away, or get another meaning, while this request is on its way; and what is let go
 * may go away only if this request lands.
 */
function touchReferences(draft: Draft, before: Document | undefined, after: Document | undefined): void {
  const [old, now] = [before, after].map((document) => new Set(document === undefined ? [] : targetsOf(document)));
  for (const target of now ?? []) if (old?.has(target) !== true) draft.touch(scopeOf(target));
  for (const target of old ?? []) if (now?.has(target) !== true) draft.touch(scopeOf(target));
}

function* targetsOf(document: Document): Generator<Key> {
  for (const { targets } of referencesOf(document)) yield* targets;
}

export const idOfWanted = (wanted: Wanted): ResourceId => ({ kind: wanted.kind, tenant: wanted.tenant, name: wanted.name });
