import { isDeepStrictEqual } from 'node:util';
import type { OwnedDocument } from '../../policies/intents/index.ts';
import type { Document, Wanted } from '../../policies/model/index.ts';
import { randomUuid } from '../base/random.ts';
import type { Draft } from './draft.ts';
import { AdmissionError, refusal } from './error.ts';
import { documentKey, keyOf } from './keys.ts';
import type { DocumentOfKind, Key } from './keys.ts';
import type { ResourceId } from './ports.ts';
import { nameOf } from './usage.ts';

/** What an intent has written, by its document as it was before. */
type Intent = DocumentOfKind<'Intent'>;

/** What an intent owns is written with it alone. Sending it again as it is changes nothing and is let pass. */
export function checkNotOwned(wanted: Wanted, before: Document | undefined, after: Document): void {
  const owner = before?.metadata.ownedBy ?? wanted.ownedBy;
  if (owner === undefined || (before?.metadata.ownedBy !== undefined && isDeepStrictEqual(before, after))) return;
  const intent = nameOf({ kind: 'Intent', tenant: after.metadata.tenant, name: owner.name });
  const id = nameOf({ kind: wanted.kind, tenant: wanted.tenant, name: wanted.name });
  throw refusal('owned', '/metadata/ownedBy', `${id} belongs to ${intent}: write the intent instead`);
}

export function checkMayGo(id: ResourceId, before: Document): void {
  const owner = before.metadata.ownedBy;
  if (owner === undefined) return;
  const intent = nameOf({ kind: 'Intent', tenant: id.tenant, name: owner.name });
  throw new AdmissionError('owned', `${nameOf(id)} belongs to ${intent} and goes when that goes`);
}

/** The document that an intent writes, in the place of what it wrote there before; refused where somebody else's stands. */
export function ownedDocument(
  draft: Draft,
  intent: Intent,
  owned: OwnedDocument,
): { readonly before: Document | undefined; readonly after: Document } {
  const { tenant, name } = intent.metadata;
  const id: ResourceId = { kind: owned.kind, tenant, name: owned.name };
  const before: Document | undefined = draft.document(keyOf(id));
  if (before !== undefined && before.metadata.ownedBy?.name !== name)
    throw refusal('conflict', '/metadata/name', `needs ${nameOf(id)} for itself, and that is taken`, [id]);
  const metadata = {
    name: owned.name,
    ...(tenant === undefined ? {} : { tenant }),
    labels: {},
    ownedBy: { kind: 'Intent', name },
    uid: before?.metadata.uid ?? randomUuid(draft.random),
    createdAt: before?.metadata.createdAt ?? new Date(draft.wallMs).toISOString(),
  } as const;
  return { before, after: { kind: owned.kind, metadata, spec: owned.spec } as Document };
}

/** What an intent wrote and does not write any more, the last first: policies before the groups that they name. */
export function leftBehind(before: Intent | undefined, after: Intent | undefined): readonly ResourceId[] {
  const kept = new Set<Key>(after?.spec.compiled.map(({ kind, name }) => documentKey(kind, after.metadata.tenant, name)));
  return (before?.spec.compiled ?? [])
    .map(({ kind, name }): ResourceId => ({ kind, tenant: before?.metadata.tenant, name }))
    .filter((id) => !kept.has(keyOf(id)))
    .toReversed();
}
