import { createHash } from 'node:crypto';
import { CompactedError } from '../../cluster/index.ts';
import type { Revision, Store } from '../../cluster/index.ts';
import type { Document } from '../../policies/model/index.ts';
import type { Draft } from './draft.ts';
import { AdmissionError } from './error.ts';
import type { Answer } from './flight.ts';
import { keptMs } from './indexes/kept-answers.ts';
import { keptAnswerKey, keyOf } from './keys.ts';
import type { KeptAnswer, Key } from './keys.ts';
import type { Records } from './records.ts';
import type { ResourceId, Stored } from './ports.ts';
import type { Submission, WriteResult } from './request.ts';

/** How many answers that are over go with each one that comes. */
const sweptMax = 2;

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const keyOfSubmission = (kept: NonNullable<Submission['idempotency']>): Key<KeptAnswer> => keptAnswerKey(kept.tenant, hashOf(kept.key));
const fingerprintOf = (submission: Submission): string => hashOf(JSON.stringify(submission.writes));

/** The answer that was given before, if the submission's key is known. Refuses when the key was used for something else. */
export function replayOf(draft: Draft, submission: Submission, store: Pick<Store, 'get'>, now: Records): Answer | undefined {
  if (submission.idempotency === undefined || submission.dryRun === true) return undefined;
  const cell = draft.working.cell(keyOfSubmission(submission.idempotency));
  if (cell === undefined || draft.wallMs - cell.value.atMs >= keptMs) return undefined;
  if (cell.value.fingerprint !== fingerprintOf(submission)) {
    throw new AdmissionError('idempotency-mismatch', 'the idempotency key was used for another request in the last 24 hours');
  }
  return async () => ({
    revision: cell.revision,
    replayed: true,
    results: await Promise.all(
      cell.value.results.map(async (result): Promise<WriteResult> => ({
        ...result,
        before: undefined,
        after: await storedAt(store, now, result, cell.revision),
      })),
    ),
  });
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
  if (submission.idempotency === undefined) return;
  for (const key of draft.working.keptAnswers.expired(draft.wallMs, sweptMax)) draft.write(key, undefined);
  draft.write(keyOfSubmission(submission.idempotency), {
    atMs: draft.wallMs,
    fingerprint: fingerprintOf(submission),
    results: results.map(
      ({ kind, tenant, name, action }) =>
        ({ kind, ...(tenant === undefined ? {} : { tenant }), name, action }) as KeptAnswer['results'][number],
    ),
  });
}
