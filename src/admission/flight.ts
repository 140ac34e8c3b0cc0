import type { Compare, Operation, Outcome, Revision, Transaction } from '../../cluster/index.ts';
import type { Draft, DraftChange } from './draft.ts';
import { guardKey } from './keys.ts';
import type { Key, Slot } from './keys.ts';
import type { Submission, Submitted } from './request.ts';
import type { Cell } from './records.ts';

/** A submission and who waits for its answer. */
export interface Job {
  readonly submission: Submission;
  /** How often it was validated; each time but the first because another proposer came between. */
  attempts: number;
  /** What it is validated against next has everything that was committed before it came. */
  isCurrent: boolean;
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
  /** Undefined: writes nothing. */
  readonly cargo: Cargo | undefined;
  readonly decision:
    | { readonly kind: 'answer'; readonly answer: Answer }
    /** An earlier answer, which stays what it is. */
    | { readonly kind: 'replay'; readonly answer: Answer }
    | { readonly kind: 'refusal'; readonly reason: unknown };
  /** Of the snapshot when it was validated. */
  readonly foundation: Revision;
  landing: Landing | undefined;
}

export interface Cargo {
  readonly label: Label;
  readonly transaction: Transaction;
  /** What the transaction writes, as cells of the foreseen revision. */
  readonly cells: ReadonlyMap<Key, Cell | undefined>;
}

/** How a transaction is known again. The marker is unique; the slot is nobody else's while the transaction is in flight. */
export interface Label {
  readonly marker: string;
  readonly slot: Key<Slot>;
  readonly launched: number;
}

/**
 * The transaction of a draft, undefined when the draft changes nothing. Each scope that it concerns is guarded: the
 * transaction holds only if nobody wrote the scope's guard since, and writes it in its turn.
 *
 * A guard can have been written by a transaction that is still in flight. What it will be at is then foreseen, and
 * another proposer's transaction may come to have that very revision and guard. So every transaction also writes a slot
 * that nobody else writes meanwhile: where that is at the foreseen revision, the transaction rested upon has landed.
 */
export function cargoOf(
  draft: Draft,
  label: Label,
  inFlight: (marker: string) => Label | undefined,
  abandoned: () => readonly Key[],
): Cargo | undefined {
  const changes = draft.changes();
  if (changes.length === 0) return undefined;
  const compares = new Map<Key, Compare>();
  for (const scope of draft.scopes(changes)) {
    const key = guardKey(scope);
    const guard = draft.working.cell(key);
    compares.set(key, { key, modRevision: guard?.revision ?? 0 });
    const below = guard === undefined ? undefined : inFlight(guard.value);
    if (below !== undefined) compares.set(below.slot, { key: below.slot, modRevision: draft.working.cell(below.slot)?.revision ?? 0 });
    draft.write(key, label.marker);
  }
  draft.write(label.slot, { atMs: draft.wallMs, launched: label.launched });
  for (const key of abandoned()) draft.write(key, undefined);
  const all = draft.changes();
  return {
    label,
    transaction: { compares: [...compares.values()], operations: all.map(operationOf) },
    cells: new Map(all.map(({ key, after }) => [key, after])),
  };
}

function operationOf({ key, after }: DraftChange): Operation {
  return after === undefined ? { kind: 'delete', key } : { kind: 'put', key, value: JSON.stringify(after.value) };
}
