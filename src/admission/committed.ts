import type { Document } from '../../policies/model/index.ts';
import { idOf } from './draft.ts';
import { isDocumentKey, isNumbersKey } from './keys.ts';
import type { Key } from './keys.ts';
import { cellOf } from './load.ts';
import type { Loaded } from './load.ts';
import type { Committed, FollowedCommit, Stored } from './ports.ts';
import { Records } from './records.ts';
import type { Cell } from './records.ts';

/** The snapshot that everybody reads: what is committed, always at the end of one revision. */
export class CommittedState {
  readonly records = new Records();
  readonly #listeners = new Set<(committed: Committed) => void>();

  /** To be run to its end. */
  *begin({ revision, cells }: Loaded): Generator<undefined, void> {
    for (const [key, cell] of cells) {
      this.records.write(key, cell);
      yield;
    }
    this.records.revision = revision;
  }

  listen(listener: (committed: Committed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a commit wrote, as cells. `known`: the same, parsed already, by whoever proposed it. */
  cellsOf(commit: FollowedCommit, known: ReadonlyMap<Key, Cell | undefined> | undefined): ReadonlyMap<Key, Cell | undefined> {
    const cells = new Map<Key, Cell | undefined>();
    for (const { key, after } of commit.changes) {
      const mine = known?.get(key);
      if (after === undefined) cells.set(key, undefined);
      else if (mine === undefined) cells.set(key, cellOf(after));
      else cells.set(key, mine.revision === commit.revision ? mine : { value: mine.value, revision: commit.revision });
    }
    return cells;
  }

  /** Keys that are other in a whole state, with what they are there. */
  difference(state: Iterable<readonly [Key, Cell]>): ReadonlyMap<Key, Cell | undefined> {
    const wanted = new Map(state);
    const cells = new Map<Key, Cell | undefined>();
    for (const [key] of this.records.cells()) if (!wanted.has(key)) cells.set(key, undefined);
    for (const [key, cell] of wanted) if (this.records.cell(key)?.revision !== cell.revision) cells.set(key, cell);
    return cells;
  }

  /** Makes a commit part of the snapshot, then tells the listeners. */
  apply(commit: Pick<FollowedCommit, 'revision' | 'wallMs'>, cells: ReadonlyMap<Key, Cell | undefined>): void {
    const documents: Committed['documents'][number][] = [];
    const numbers: Committed['numbers'][number][] = [];
    for (const [key, cell] of cells) {
      if (isDocumentKey(key)) documents.push({ id: idOf(key), before: stored(this.records.cell(key)), after: stored(cell) });
      else if (isNumbersKey(key)) numbers.push(idOf(key));
      this.records.write(key, cell);
    }
    this.records.revision = commit.revision;
    const committed: Committed = { revision: commit.revision, wallMs: commit.wallMs, documents, numbers };
    for (const listener of this.#listeners) listener(committed);
  }
}

function stored(cell: Cell | undefined): Stored | undefined {
  return cell === undefined ? undefined : { document: cell.value as Document, revision: cell.revision };
}
