import type { ClassicLevel } from 'classic-level';
import type { Entry, RangeRequest, Revision } from '../store/port.ts';
import { currentKey, historyPrefix, parseHistoryKey } from './layout.ts';
import { compareKeys } from './order.ts';

export type Level = ClassicLevel;
export type LevelSnapshot = ReturnType<Level['snapshot']>;

export type Decode = (key: string, row: string) => Entry;

interface Found {
  readonly entries: Entry[];
  readonly more: boolean;
}

const pageRows = 500;

function rowsBetween(level: Level, snapshot: LevelSnapshot, start: string, end: string) {
  return level.iterator({ gte: start, lt: end, snapshot });
}

/** A run of rows, read in pages, so that a large range does not hold up the loop. */
class RowCursor {
  readonly #iterator: ReturnType<typeof rowsBetween>;
  #page: [string, string][] = [];
  #next = 0;
  #ended = false;

  constructor(level: Level, snapshot: LevelSnapshot, start: string, end: string) {
    this.#iterator = rowsBetween(level, snapshot, start, end);
  }

  /** The row to be taken next; undefined at the end. */
  async peek(): Promise<readonly [string, string] | undefined> {
    if (this.#next >= this.#page.length && !this.#ended) {
      this.#page = await this.#iterator.nextv(pageRows);
      this.#next = 0;
      this.#ended = this.#page.length === 0;
    }
    return this.#page[this.#next];
  }

  /** Rows that need no waiting. */
  buffered(): readonly [string, string] | undefined {
    return this.#page[this.#next];
  }

  take(): void {
    this.#next++;
  }

  close(): Promise<void> {
    return this.#iterator.close();
  }
}

function currentCursor(level: Level, snapshot: LevelSnapshot, request: RangeRequest): RowCursor {
  return new RowCursor(level, snapshot, currentKey(request.start), currentKey(request.end));
}

/** Entries as the snapshot has them. */
export async function rangeNow(
  level: Level,
  snapshot: LevelSnapshot,
  request: RangeRequest,
  _revision: Revision,
  decode: Decode,
): Promise<Found> {
  const cursor = currentCursor(level, snapshot, request);
  const limit = request.limit ?? Infinity;
  const entries: Entry[] = [];
  try {
    for (;;) {
      const row = cursor.buffered() ?? (await cursor.peek());
      if (row === undefined) return { entries, more: false };
      if (entries.length >= limit) return { entries, more: true };
      entries.push(decode(row[0].slice(1), row[1]));
      cursor.take();
    }
  } finally {
    await cursor.close();
  }
}

/**
 * Entries as they were after the commit at `revision`: of each key the current entry when it is that old, otherwise the
 * first version that was replaced later, when it is that old. Both runs are in key order and read side by side.
 */
export async function rangePast(
  level: Level,
  snapshot: LevelSnapshot,
  request: RangeRequest,
  revision: Revision,
  decode: Decode,
): Promise<Found> {
  const current = currentCursor(level, snapshot, request);
  const history = new RowCursor(level, snapshot, historyPrefix(request.start), historyPrefix(request.end));
  const limit = request.limit ?? Infinity;
  const entries: Entry[] = [];
  try {
    for (;;) {
      const currentRow = current.buffered() ?? (await current.peek());
      const historyRow = history.buffered() ?? (await history.peek());
      const key = smallestKey(currentRow?.[0].slice(1), historyRow === undefined ? undefined : parseHistoryKey(historyRow[0]).key);
      if (key === undefined) return { entries, more: false };
      let entry = await firstReplaced(history, key, revision, decode);
      if (currentRow?.[0] === currentKey(key)) {
        const now = decode(key, currentRow[1]);
        if (now.modRevision <= revision) entry = now;
        current.take();
      }
      if (entry === undefined || entry.modRevision > revision) continue;
      if (entries.length >= limit) return { entries, more: true };
      entries.push(entry);
    }
  } finally {
    await current.close();
    await history.close();
  }
}

/** Takes all versions of the key and returns the first one that was replaced after `revision`. */
async function firstReplaced(history: RowCursor, key: string, revision: Revision, decode: Decode): Promise<Entry | undefined> {
  let found: Entry | undefined;
  for (;;) {
    const row = history.buffered() ?? (await history.peek());
    if (row === undefined) return found;
    const version = parseHistoryKey(row[0]);
    if (version.key !== key) return found;
    if (found === undefined && version.replacedAt > revision) found = decode(key, row[1]);
    history.take();
  }
}

function smallestKey(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return compareKeys(left, right) <= 0 ? left : right;
}

/** Decodes every current entry; `decode` throws at the first that is damaged. */
export async function verifyCurrent(level: Level, decode: Decode): Promise<number> {
  let count = 0;
  const iterator = level.iterator({ gte: 'c', lt: 'd', fillCache: false });
  try {
    for (;;) {
      const rows = await iterator.nextv(pageRows);
      if (rows.length === 0) return count;
      for (const [key, row] of rows) decode(key.slice(1), row);
      count += rows.length;
    }
  } finally {
    await iterator.close();
  }
}
