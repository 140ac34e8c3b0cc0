import type { Operation, Outcome, Revision, Transaction } from '../../cluster/index.ts';
import type { Draft, DraftChange } from './draft.ts';
import { guardKey } from './keys.ts';
import type { Key } from './keys.ts';
import type { Submission, Submitted } from './request.ts';
import type { Cell } from './records.ts';

/** A submission and who waits for its answer. */
export interface Job {
  readonly submission: Submission;
  /** How often it was validated; each time but the first because another proposer came between. */
  attempts: number;
  readonly resolve: (submitted: Submitted) => void;
  readonly reject: (reason: unknown) => void;
}

/** What a validated submission answers once what it rests on is durable. `isStored`: whether `revision` is that of its own transaction. */
export type Answer = (revision: Revision, isStored: boolean) => Submitted | Promise<Submitted>;

export type Landing = Outcome | { readonly committed: 'failed'; readonly reason: unknown };

/**
 * A validated submission on its way. Submissions land in the order in which they were validated: one that writes
 * nothing (refused, unchanged, a dry run) rests on those before it and waits for them.
 */
export interface Flight {
  readonly job: Job;
  readonly marker: string;
  /** Undefined: writes nothing. */
  readonly cargo: Cargo | undefined;
  readonly decision: { readonly kind: 'answer'; readonly answer: Answer } | { readonly kind: 'refusal'; readonly reason: unknown };
  landing: Landing | undefined;
}

export interface Cargo {
  readonly transaction: Transaction;
  /** What the transaction writes, guards included, as cells of the predicted revision. */
  readonly cells: ReadonlyMap<Key, Cell | undefined>;
}

/**
 * The transaction of a draft. Each scope that it concerns is guarded: the transaction holds only if the scope is as it
 * was, and says so to the next one. Undefined when the draft changes nothing.
 */
export function cargoOf(draft: Draft, marker: string): Cargo | undefined {
  const changes = draft.changes();
  if (changes.length === 0) return undefined;
  const compares: { readonly key: Key; readonly modRevision: Revision }[] = [];
  for (const scope of draft.scopes(changes)) {
    const key = guardKey(scope);
    compares.push({ key, modRevision: draft.working.cell(key)?.revision ?? 0 });
    draft.write(key, marker);
  }
  const all = draft.changes();
  return { transaction: { compares, operations: all.map(operationOf) }, cells: new Map(all.map(({ key, after }) => [key, after])) };
}

function operationOf({ key, after }: DraftChange): Operation {
  return after === undefined ? { kind: 'delete', key } : { kind: 'put', key, value: JSON.stringify(after.value) };
}
