import { writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { assert, reasonOf, WeirError } from '../../src/base/errors.ts';
import type { StoredLog } from '../raft/log.ts';
import { Memberships } from '../raft/memberships.ts';
import { TermRuns } from '../raft/term-runs.ts';
import type { Entry, LogIndex } from '../raft/types.ts';
import type { Revision } from '../store/port.ts';
import { isFull, syncData, syncDirectory, writeAll } from './files.ts';
import { LogHistory, type PlacedCommit } from './log-history.ts';
import { encodeRecord, type Place, recordPayloadBytesMax } from './record.ts';
import { allocate, begin, type SegmentFile } from './segment-file.ts';
import { type SegmentBase, segmentHeaderBytes } from './segment.ts';
import {
  markRecord,
  placeBehind,
  type Segment,
  dropBehind,
  dropSegments,
  type TornTail,
  type VerifiedLog,
  verifyLog,
} from './verification.ts';

export interface EntryLogOptions {
  readonly directory: string;
  readonly segmentBytes: number;
  /** How much of the newest part of the log is verified on opening; the rest is verified as it is read. */
  readonly verifyBytesMax: number;
  /** Where an empty log begins. */
  readonly start: SegmentBase;
  /** A snapshot that is staged: it takes the place of everything, however far that came. */
  readonly staged?: SegmentBase | undefined;
}

/** Below this a write goes to the page cache faster than a thread can be asked to do it. */
const directWriteBytesMax = 64 * 1024;

/**
 * The truth of a store: the replicated log, append-only in preallocated segments, durable when `append` settles. What entries replace
 * is never overwritten: a new segment says behind which entry it goes on. The index is derived from it, watches resume from it, history is kept by it.
 *
 * Life cycle: open (verify, drop a torn tail) → append and read → close. A failed sync ends appending for good, since
 * the kernel may have dropped the pages: `unknown-outcome`, and nothing is accepted until the store is opened again.
 */
export class EntryLog {
  readonly directory: string;
  readonly #options: EntryLogOptions;
  readonly #history: LogHistory;
  #segments: Segment[];
  /** What was dropped on opening. */
  readonly tornTail: TornTail | undefined;
  readonly verifiedBytes: number;
  #active: FileHandle;
  #spare: Promise<SegmentFile> | undefined;
  #spareFailed = false;
  #nextSequence: number;
  #terms: TermRuns;
  #memberships: Memberships;
  #last: Place;
  #appending = false;
  #failure: WeirError | undefined;

  private constructor(options: EntryLogOptions, verified: VerifiedLog, active: FileHandle) {
    this.directory = options.directory;
    this.#options = options;
    this.#segments = verified.segments;
    this.#history = new LogHistory({ segments: () => this.#segments, last: () => this.#last.index });
    this.tornTail = verified.tornTail;
    this.verifiedBytes = verified.verifiedBytes;
    this.#nextSequence = this.#tail.sequence + 1;
    this.#terms = new TermRuns(verified.terms, verified.last.index);
    this.#memberships = new Memberships(verified.memberships);
    this.#last = verified.last;
    this.#active = active;
  }

  static async open(options: EntryLogOptions): Promise<EntryLog> {
    await mkdir(options.directory, { recursive: true });
    if (options.staged !== undefined) await dropSegments(options.directory, 0);
    const verified = await verifyLog(options.directory, options.verifyBytesMax);
    const active = verified.segments.at(-1);
    if (active !== undefined) return new EntryLog(options, verified, await open(active.file, 'r+'));
    const { segment, handle } = await begin(
      await allocate(options.directory, verified.nextSequence, options.segmentBytes),
      options.staged ?? options.start,
    );
    return new EntryLog(options, { ...verified, ...emptyBehind(segment) }, handle);
  }

  /** A write or sync failed: nothing is appended before `reopen`. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Verifies it again after a failure: what is known to be durable counts, and nothing else. What a failed sync was to keep can still be read, but may
   * never reach the disk; so it is taken away before anything is read.
   */
  async reopen(): Promise<void> {
    await this.release();
    this.#spare = undefined;
    await dropBehind(this.directory, this.#tail);
    const verified = await verifyLog(this.directory, this.#options.verifyBytesMax);
    const tail = verified.segments.at(-1);
    assert(tail, 'a log has a segment');
    this.#become(verified, await open(tail.file, 'r+'));
  }

  /** Begins anew behind the snapshot, however far that had come. */
  async reopenAt(base: SegmentBase): Promise<void> {
    await this.release();
    this.#spare = undefined;
    await dropSegments(this.directory, 0);
    const { segment, handle } = await begin(await allocate(this.directory, this.#nextSequence, this.#options.segmentBytes), base);
    this.#become(emptyBehind(segment), handle);
  }

  #become({ segments, last, terms, memberships }: LogContent, active: FileHandle): void {
    this.#active = active;
    this.#segments = segments;
    this.#nextSequence = this.#tail.sequence + 1;
    this.#terms = new TermRuns(terms, last.index);
    this.#memberships = new Memberships(memberships);
    this.#last = last;
    this.#failure = undefined;
  }

  /** What a core is started with. */
  stored(): StoredLog {
    return { terms: this.#terms.runs, memberships: this.#memberships.marks, last: this.#last.index };
  }

  /** The oldest entry that is kept; one more than the last when there is none. */
  get firstIndex(): LogIndex {
    return (this.#segments[0]?.base.index ?? 0) + 1;
  }

  /** The last durable entry. */
  get lastIndex(): LogIndex {
    return this.#last.index;
  }

  /** Of the last durable entry, committed or not; 0 when there is none. */
  get lastRevision(): Revision {
    return this.#last.revision;
  }

  get lastWallMs(): number {
    return this.#last.wallMs;
  }

  /** The oldest revision that is kept; one more than the last when there is none. */
  get firstRevision(): Revision {
    return (this.#segments[0]?.base.revision ?? 0) + 1;
  }

  get #tail(): Segment {
    const tail = this.#segments.at(-1);
    assert(tail, 'a log has a segment');
    return tail;
  }

  /**
   * Durable when it settles. One at a time. The entries have no gap; they replace what stands at the first and behind it. Rejects with `store-full`
   * when nothing was written, `unknown-outcome` when that cannot be told, `store-failed` after that.
   */
  async append(entries: readonly Entry[]): Promise<void> {
    assert(!this.#appending, 'one append at a time');
    if (this.#failure !== undefined) throw this.#failure;
    this.#appending = true;
    try {
      const first = entries[0]?.index;
      if (first !== undefined && first <= this.#last.index) await this.#replaceFrom(first);
      for (const part of writesOf(entries)) await this.#appendRecord(part);
    } finally {
      this.#appending = false;
    }
  }

  /** The log goes on behind the entry before `index`. */
  async #replaceFrom(index: LogIndex): Promise<void> {
    const place = await this.#history.placeBehind(index - 1);
    await this.#roll(this.#baseAt(place));
    this.#terms.truncate(place.index);
    this.#memberships.truncate(place.index);
    this.#last = place;
  }

  /** What a snapshot of the state behind the entry at `index`, which is kept, stands for. */
  async baseBehind(index: LogIndex): Promise<SegmentBase> {
    return this.#baseAt(await this.#history.placeBehind(index));
  }

  #baseAt(place: Place): SegmentBase {
    const term = this.#terms.at(place.index);
    assert(term !== undefined, 'a segment begins inside the log');
    return { ...place, term, membership: this.#memberships.at(place.index) };
  }

  /** A snapshot takes the place of the whole log, which begins anew behind it. */
  async restart(base: SegmentBase): Promise<void> {
    assert(!this.#appending, 'one append at a time');
    await this.#roll(base);
    const { index, revision, wallMs, term, membership } = base;
    this.#terms.reset(index, term);
    this.#memberships.reset(index, membership);
    this.#last = { index, revision, wallMs };
    for (const old of this.#segments.splice(0, this.#segments.length - 1)) await unlink(old.file);
    await syncDirectory(this.directory);
  }

  async #appendRecord(entries: readonly Entry[]): Promise<void> {
    const record = encodeRecord(this.#last, entries);
    const isFresh = this.#tail.end === segmentHeaderBytes;
    if (this.#tail.end + record.length > this.#tail.fileBytes && !isFresh) await this.#roll(this.#baseAt(this.#last));
    await this.#write(record);
    this.#noteAppended(entries, record.length);
  }

  async #write(record: Buffer): Promise<void> {
    const { end } = this.#tail;
    try {
      if (record.length <= directWriteBytesMax) {
        const written = writeSync(this.#active.fd, record, 0, record.length, end);
        if (written < record.length) await writeAll(this.#active.fd, record.subarray(written), end + written);
      } else {
        await writeAll(this.#active.fd, record, end);
      }
    } catch (error) {
      await this.#takeBack(error);
      throw isFull(error) ? fullError(this.directory, error) : this.#fail('store-failed', error);
    }
    try {
      await syncData(this.#active.fd);
    } catch (error) {
      this.#fail('store-failed', error);
      throw unknownOutcome(error);
    }
  }

  /** Removes what a failed write left behind the tail, so that the next record has its place. */
  async #takeBack(cause: unknown): Promise<void> {
    try {
      await this.#active.truncate(this.#tail.end);
      await syncData(this.#active.fd);
      this.#tail.fileBytes = this.#tail.end;
    } catch (error) {
      this.#fail('store-failed', error);
      throw unknownOutcome(cause);
    }
  }

  #fail(code: string, cause: unknown): WeirError {
    this.#failure = new WeirError(code, `writing the commit log failed (${reasonOf(cause)}); open the store again`, { cause });
    return this.#failure;
  }

  #noteAppended(entries: readonly Entry[], bytes: number): void {
    const tail = this.#tail;
    markRecord(tail, this.#last, tail.end);
    tail.end += bytes;
    tail.fileBytes = Math.max(tail.fileBytes, tail.end);
    for (const entry of entries) {
      this.#terms.append(entry.index, entry.term);
      if (entry.kind === 'membership') this.#memberships.append(entry.index, entry.membership);
      this.#last = placeBehind(this.#last, entry);
    }
    if (this.#spare === undefined && !this.#spareFailed && tail.end * 2 > tail.fileBytes) this.#prepareSpare();
  }

  /** Ahead of need, so that a commit seldom waits for it. After a failure it is tried again when it is needed, which tells. */
  #prepareSpare(): void {
    this.#spare = allocate(this.directory, this.#nextSequence, this.#options.segmentBytes);
    this.#spare.catch(() => {
      this.#spare = undefined;
      this.#spareFailed = true;
    });
  }

  /** The next segment, behind `base`. */
  async #roll(base: SegmentBase): Promise<void> {
    if (this.#spare === undefined) this.#prepareSpare();
    const spare = this.#spare;
    assert(spare, 'a spare segment is being prepared');
    try {
      const { segment, handle } = await begin(await spare, base);
      const full = this.#active;
      for (const earlier of this.#segments) earlier.liveThrough = Math.min(earlier.liveThrough, base.index);
      this.#segments.push(segment);
      this.#active = handle;
      this.#nextSequence = segment.sequence + 1;
      this.#spare = undefined;
      this.#spareFailed = false;
      await full.close();
    } catch (error) {
      throw isFull(error) ? fullError(this.directory, error) : this.#fail('store-failed', error);
    }
  }

  /** Entries from `from` on, up to `upTo`, until `bytesMax` is passed, at least one. All are kept. Rejects with a CorruptionError. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): Promise<Entry[]> {
    return this.#history.entries(from, upTo, bytesMax);
  }

  /**
   * Commits from `from` on, in order, up to and including `to`: those of whole records until `bytesMax` is passed, at least one.
   * `to` is durable, `from` is kept. Rejects with a CorruptionError.
   */
  read(from: Revision, to: Revision, bytesMax: number): Promise<PlacedCommit[]> {
    return this.#history.commits(from, to, bytesMax);
  }

  /** The highest kept revision, up to `upTo`, that was committed at or before `wallMs`; undefined when the log does not reach back so far. */
  revisionAt(wallMs: number, upTo: Revision): Promise<Revision | undefined> {
    return this.#history.revisionAt(wallMs, upTo);
  }

  /** Whether there is a segment that `dropBefore` would remove. */
  hasBefore(revision: Revision): boolean {
    const next = this.#segments[1];
    return next !== undefined && next.base.revision < revision;
  }

  /** Removes the segments that hold only revisions below `revision`, oldest first. Resolves with the index before the first entry that is kept. */
  async dropBefore(revision: Revision): Promise<LogIndex> {
    while (this.hasBefore(revision)) {
      const oldest = this.#segments.shift();
      assert(oldest, 'a log has a segment');
      await unlink(oldest.file);
      await syncDirectory(this.directory);
    }
    const index = this.#segments[0]?.base.index ?? 0;
    if (index > this.#terms.base) {
      this.#terms.dropThrough(index);
      this.#memberships.dropThrough(index);
    }
    return index;
  }

  /** Marks the end, so that damage to the last entries is told from a torn tail later. */
  async close(): Promise<void> {
    try {
      if (this.#failure === undefined && this.#last.index > 0) await this.#appendRecord([]);
    } catch (error) {
      // Worth nothing but the mark.
      if (!(error instanceof WeirError && error.code === 'store-full')) throw error;
    } finally {
      await this.release();
    }
  }

  /** Closes the files and changes nothing. */
  async release(): Promise<void> {
    await this.#spare?.then(({ handle }) => handle.close()).catch(() => undefined);
    await this.#active.close();
  }
}

type LogContent = Pick<VerifiedLog, 'segments' | 'last' | 'terms' | 'memberships'>;

function emptyBehind(segment: Segment): LogContent {
  const { index, revision, wallMs, term, membership } = segment.base;
  return {
    segments: [segment],
    last: { index, revision, wallMs },
    terms: [{ from: index, term }],
    memberships: [{ index, membership }],
  };
}

/** What goes into one record each. */
function* writesOf(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let from = 0;
  let bytes = 0;
  for (const [at, entry] of entries.entries()) {
    const size = entry.kind === 'command' ? entry.payload.length : 1_024;
    if (bytes > 0 && bytes + size > recordPayloadBytesMax / 4) {
      yield entries.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < entries.length) yield entries.slice(from);
}

function fullError(directory: string, cause: unknown): WeirError {
  return new WeirError('store-full', `no space left for ${directory}; free some, nothing was changed`, { cause });
}

function unknownOutcome(cause: unknown): WeirError {
  return new WeirError('unknown-outcome', `it cannot be told whether this was committed: ${reasonOf(cause)}`, { cause });
}
