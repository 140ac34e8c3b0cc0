import { createHash } from 'node:crypto';
import { CompactedError } from '../../cluster/index.ts';
import type { Revision, Store } from '../../cluster/index.ts';
import type { Document } from '../../policies/model/index.ts';
import type { Draft } from './draft.ts';
import { AdmissionError } from './error.ts';
import type { Flight } from './flight.ts';
import { keptMs } from './indexes/kept-answers.ts';
import { documentKey, keptAnswerKey, keptRemovalKey, keyOf } from './keys.ts';
import type { Key, KeptAnswer } from './keys.ts';
import type { Cell, Records } from './records.ts';
import type { ResourceId, Stored } from './ports.ts';
import type { Submission, Submitted, WriteResult } from './request.ts';

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const fingerprintOf = (submission: Submission): string => hashOf(JSON.stringify(submission.writes));

/** Where the answer is kept: under the key that was given, and under the name of a VM that is deleted, as who repeats that need not have given one. */
function keysOf({ idempotency, writes }: Submission): { readonly given?: Key<KeptAnswer>; readonly removal?: Key<KeptAnswer> } {
  const removed = writes.length === 1 && writes[0]?.verb === 'delete' && writes[0].kind === 'Vm' ? writes[0] : undefined;
  return {
    ...(idempotency && { given: keptAnswerKey(idempotency.tenant, hashOf(idempotency.key)) }),
    ...(removed?.tenant !== undefined && { removal: keptRemovalKey(removed.tenant, removed.name) }),
  };
}

/**
 * How the submission was answered before: for ever the same where its idempotency key is known, and of a deletion without a key for as long as there is no
 * VM of that name. Refuses when the key was used for something else.
 */
export function decidedBefore(
  draft: Draft,
  submission: Submission,
  store: Pick<Store, 'get'>,
  now: Records,
): Flight['decision'] | undefined {
  if (submission.dryRun === true) return undefined;
  const { given, removal } = keysOf(submission);
  const key = given ?? removal;
  const found = key && (given ? keptUnder(draft, key) : removalOf(draft, key));
  if (key === undefined || found === undefined) return undefined;
  if (given && found.value.fingerprint !== fingerprintOf(submission)) {
    throw new AdmissionError('idempotency-mismatch', 'the idempotency key was used for another request in the last 24 hours');
  }
  const answer = async (): Promise<Submitted> => {
    // What is answered again has landed by now, perhaps at another revision than was foreseen.
    const { value, revision } = now.cell(key) ?? found;
    const results = await Promise.all(value.results.map((result) => resultOf(store, now, result, revision)));
    return { revision, replayed: true, results };
  };
  return { kind: given ? 'replay' : 'answer', answer };
}

function keptUnder(draft: Draft, key: Key<KeptAnswer>): Cell<KeptAnswer> | undefined {
  const cell = draft.working.cell(key);
  return cell !== undefined && draft.wallMs - cell.value.atMs < keptMs ? cell : undefined;
}

/** Not when there is one of that name again, nor for another tenant that got the name of one. */
function removalOf(draft: Draft, key: Key<KeptAnswer>): Cell<KeptAnswer> | undefined {
  const cell = keptUnder(draft, key);
  const [id] = cell?.value.results ?? [];
  if (cell === undefined || id?.tenant === undefined || draft.value(keyOf(id)) !== undefined) return undefined;
  const owner = draft.value(documentKey('Tenant', undefined, id.tenant));
  return owner !== undefined && Date.parse(owner.metadata.createdAt) <= cell.value.atMs ? cell : undefined;
}

type KeptResult = KeptAnswer['results'][number];

async function resultOf(store: Pick<Store, 'get'>, now: Records, kept: KeptResult, revision: Revision): Promise<WriteResult> {
  const { removed, ...result } = kept;
  if (removed !== undefined) return { ...result, before: JSON.parse(removed) as Stored, after: undefined };
  return { ...result, before: undefined, after: await storedAt(store, now, result, revision) };
}

/** The document as the answer showed it; as it is now when that version is no longer kept. */
async function storedAt(store: Pick<Store, 'get'>, now: Records, result: ResourceId, revision: Revision): Promise<Stored | undefined> {
  const { kind, tenant, name } = result;
  try {
    const entry = await store.get(keyOf({ kind, tenant, name }), revision);
    return entry === undefined ? undefined : { document: JSON.parse(entry.value) as Document, revision: entry.modRevision };
  } catch (thrown) {
    if (!(thrown instanceof CompactedError)) throw thrown;
    return now.get(kind, tenant, name);
  }
}

/** Keeps the answer in the transaction that it is the answer to. */
export function keepAnswer(draft: Draft, submission: Submission, results: readonly WriteResult[]): void {
  const { given, removal } = keysOf(submission);
  if (!given && !removal) return;
  const kept: KeptAnswer = {
    atMs: draft.wallMs,
    fingerprint: fingerprintOf(submission),
    results: results.map(({ kind, tenant, name, action, before }) => ({
      kind,
      ...(tenant === undefined ? {} : { tenant }),
      name,
      action,
      ...(action === 'deleted' && before && { removed: JSON.stringify(before) }),
    })) as KeptResult[],
  };
  for (const key of draft.working.keptAnswers.surplus(draft.wallMs)) draft.write(key, undefined);
  for (const key of [given, removal]) if (key) draft.write(key, kept);
}
