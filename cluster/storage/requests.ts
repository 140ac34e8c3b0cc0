import type { Revision } from '../store/port.ts';
import { requestRows, requestRowsBefore, requestsKey } from './layout.ts';
import type { Level } from './range.ts';
import type { IndexedCommit } from './indexed-commit.ts';
import { RequestIds } from './request-ids.ts';

/** Of so many commits the requests are known at least, and of twice as many at most. */
const requestsKept = 200_000;
const rowsAtOnce = 1_000;

/**
 * Which requests were committed, by their ids, so that one that is sent again has its effect once. All of it is in memory; a row has the ids of the commits that
 * were written together, the first of which is of the row's revision, empty where a commit has none.
 */
export class CommittedRequests {
  #young = new RequestIds();
  #old = new RequestIds();
  /** Where the rows of `young` begin. */
  #youngFrom: Revision = 0;

  static async read(level: Level): Promise<CommittedRequests> {
    const requests = new CommittedRequests();
    await level.clear(requestRowsBefore);
    const iterator = level.iterator(requestRows);
    try {
      for (let rows = await iterator.nextv(rowsAtOnce); rows.length > 0; rows = await iterator.nextv(rowsAtOnce)) {
        for (const [key, row] of rows) {
          const first = Number(key.slice(1));
          requests.turn(first);
          for (const [at, id] of idsIn(row).entries()) if (id !== '') requests.#young.set(id, first + at);
        }
      }
    } finally {
      await iterator.close();
    }
    return requests;
  }

  /** At which revision it was committed; undefined when it was not, or too long ago. */
  revisionOf(id: string): Revision | undefined {
    return this.#young.get(id) ?? this.#old.get(id);
  }

  add(commits: readonly IndexedCommit[]): void {
    for (const { requestId, revision } of commits) if (requestId !== '') this.#young.set(requestId, revision);
  }

  /** The row of commits that follow each other; undefined when none of them has an id. */
  static row(commits: readonly IndexedCommit[]): readonly [key: string, value: string] | undefined {
    const first = commits[0];
    if (first === undefined || commits.every(({ requestId }) => requestId === '')) return undefined;
    return [requestsKey(first.revision), JSON.stringify(commits.map(({ requestId }) => requestId))];
  }

  /** Before the row of `first` is written: when there are many, the older half goes. Returns the rows that are not needed any more, if there are. */
  turn(first: Revision): { readonly gte: string; readonly lt: string } | undefined {
    if (this.#young.size < requestsKept) return undefined;
    const needed = requestsKey(this.#youngFrom);
    this.#old = this.#young;
    this.#young = new RequestIds();
    this.#youngFrom = first;
    return { gte: requestRows.gte, lt: needed };
  }
}

/** In version 1 a row had one id, as it is. */
const idsIn = (row: string): readonly string[] => (row.startsWith('[') ? (JSON.parse(row) as readonly string[]) : [row]);
