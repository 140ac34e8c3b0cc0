import { writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { assert, reasonOf, WeirError } from '../../src/base/errors.ts';
import type { Revision } from '../store/port.ts';
import { CompactedError } from '../store/errors.ts';
import { CorruptionError } from './corruption.ts';
import { isFull, syncData, syncDirectory, writeAll } from './files.ts';
import { decodeRecord, encodeRecord, type LoggedChange, type LoggedGroup } from './record.ts';
import { segmentHeader, segmentHeaderBytes, SegmentReader } from './segment.ts';
import { type Segment, segmentFile, segmentMark, type TornTail, verifyLog } from './verification.ts';

export interface CommitLogOptions {
  readonly directory: string;
  readonly segmentBytes: number;
  /** How much of the newest part of the log is verified on opening; the rest is verified as it is read. */
  readonly verifyBytesMax: number;
}

export interface LoggedCommit {
  readonly revision: Revision;
  readonly wallMs: number;
  readonly changes: readonly LoggedChange[];
}

/** Below this a write goes to the page cache faster than a thread can be asked to do it. */
const directWriteBytesMax = 64 * 1024;
const zeroBlock = Buffer.alloc(1024 * 1024);

/**
 * The truth of a store: an append-only log of groups of commits in preallocated segments, durable when `append`
 * settles. The index is derived from it, watches resume from it, history is kept by it.
 *
 * Life cycle: open (verify, drop a torn tail) → append and read → close. A failed sync ends appending for good, since
 * the kernel may have dropped the pages: `unknown-outcome`, and nothing is accepted until the store is opened again.
 */
export class CommitLog {
  readonly directory: string;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  /** What was dropped on opening. */
  readonly tornTail: TornTail | undefined;
  readonly verifiedBytes: number;
  #active: FileHandle;
  #spare: Promise<{ segment: Segment; handle: FileHandle }> | undefined;
  #spareFailed = false;
  #lastRevision: Revision;
  #lastWallMs: number;
  #appending = false;
  #failure: WeirError | undefined;

  private constructor(options: CommitLogOptions, verified: Awaited<ReturnType<typeof verifyLog>>, active: FileHandle) {
    this.directory = options.directory;
    this.#segmentBytes = options.segmentBytes;
    this.#segments = verified.segments;
    this.tornTail = verified.tornTail;
    this.verifiedBytes = verified.verifiedBytes;
    this.#lastRevision = verified.lastRevision;
    this.#lastWallMs = verified.lastWallMs;
    this.#active = active;
  }

  static async open(options: CommitLogOptions): Promise<CommitLog> {
    await mkdir(options.directory, { recursive: true });
    const verified = await verifyLog(options.directory, options.verifyBytesMax);
    if (verified.segments.length === 0) {
      const { segment, handle } = await allocateSegment(options.directory, verified.nextSequence, options.segmentBytes);
      verified.segments.push(segment);
      return new CommitLog(options, verified, handle);
    }
    const active = verified.segments.at(-1);
    assert(active, 'a log has a segment');
    return new CommitLog(options, verified, await open(active.file, 'r+'));
  }

  /** The last durable revision, 0 when there is none. */
  get lastRevision(): Revision {
    return this.#lastRevision;
  }

  get lastWallMs(): number {
    return this.#lastWallMs;
  }

  /** The oldest revision that is kept; one more than the last when there is none. */
  get firstRevision(): Revision {
    const first = this.#segments[0];
    return first === undefined || first.firstRevision === 0 ? this.#lastRevision + 1 : first.firstRevision;
  }

  get #tail(): Segment {
    const tail = this.#segments.at(-1);
    assert(tail, 'a log has a segment');
    return tail;
  }

  /**
   * Durable when it settles. One at a time. Rejects with `store-full` when nothing was written, `unknown-outcome`
   * when that cannot be told, `store-failed` after that.
   */
  async append(group: LoggedGroup): Promise<void> {
    assert(!this.#appending, 'one append at a time');
    assert(group.firstRevision === this.#lastRevision + 1, 'revisions have no gap');
    if (this.#failure !== undefined) throw this.#failure;
    this.#appending = true;
    try {
      const record = encodeRecord(group);
      if (this.#tail.end + record.length > this.#tail.fileBytes && this.#tail.firstRevision !== 0) await this.#roll();
      await this.#write(record);
      this.#noteAppended(group, record.length);
    } finally {
      this.#appending = false;
    }
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

  #noteAppended(group: LoggedGroup, bytes: number): void {
    const tail = this.#tail;
    segmentMark(tail, group.firstRevision, group.wallMs, tail.end);
    tail.end += bytes;
    tail.fileBytes = Math.max(tail.fileBytes, tail.end);
    this.#lastRevision += group.commits.length;
    this.#lastWallMs = group.wallMs;
    if (this.#spare === undefined && !this.#spareFailed && tail.end * 2 > tail.fileBytes) this.#prepareSpare();
  }

  /** Ahead of need, so that a commit seldom waits for it. After a failure it is tried again when it is needed, which tells. */
  #prepareSpare(): void {
    this.#spare = allocateSegment(this.directory, this.#tail.sequence + 1, this.#segmentBytes);
    this.#spare.catch(() => {
      this.#spare = undefined;
      this.#spareFailed = true;
    });
  }

  async #roll(): Promise<void> {
    if (this.#spare === undefined) this.#prepareSpare();
    const spare = this.#spare;
    assert(spare, 'a spare segment is being prepared');
    try {
      const { segment, handle } = await spare;
      const full = this.#active;
      this.#segments.push(segment);
      this.#active = handle;
      this.#spare = undefined;
      this.#spareFailed = false;
      await full.close();
    } catch (error) {
      throw isFull(error) ? fullError(this.directory, error) : this.#fail('store-failed', error);
    }
  }

  /**
   * Commits from `from` on, in order, up to and including `to`: those of whole groups until `bytesMax` is passed, at least one.
   * `to` is durable, `from` is kept. Rejects with a CorruptionError.
   */
  async read(from: Revision, to: Revision, bytesMax: number): Promise<LoggedCommit[]> {
    const commits: LoggedCommit[] = [];
    await this.#scan(this.#place(from), (group, bytesRead) => {
      for (const [index, changes] of group.commits.entries()) {
        const revision = group.firstRevision + index;
        if (revision >= from && revision <= to) commits.push({ revision, wallMs: group.wallMs, changes });
      }
      return group.firstRevision + group.commits.length <= to && bytesRead < bytesMax;
    });
    return commits;
  }

  /** The highest kept revision that was committed at or before `wallMs`; undefined when the log does not reach back so far. */
  async revisionAt(wallMs: number): Promise<Revision | undefined> {
    if (wallMs >= this.#lastWallMs) return this.#lastRevision;
    const index = this.#segments.findLastIndex((segment) => segment.firstRevision !== 0 && segment.firstWallMs <= wallMs);
    const segment = this.#segments[index];
    if (segment === undefined) return undefined;
    let found = segment.firstRevision;
    const mark = segment.marks.findLast((candidate) => candidate.wallMs <= wallMs);
    await this.#scan({ index, offset: mark?.offset ?? segmentHeaderBytes }, (group) => {
      if (group.wallMs > wallMs) return false;
      found = group.firstRevision + group.commits.length - 1;
      return found < this.#lastRevision;
    });
    return found;
  }

  #place(revision: Revision): { index: number; offset: number } {
    const index = this.#segments.findLastIndex((segment) => segment.firstRevision !== 0 && segment.firstRevision <= revision);
    const segment = this.#segments[index];
    assert(segment, 'the revision is kept');
    const mark = segment.marks.findLast((candidate) => candidate.revision <= revision);
    return { index, offset: mark?.offset ?? segmentHeaderBytes };
  }

  /** Groups from a place on, while `onGroup` says so. Records behind `lastRevision` are not looked at. */
  async #scan(place: { index: number; offset: number }, onGroup: (group: LoggedGroup, bytesRead: number) => boolean): Promise<void> {
    let { offset } = place;
    let bytesRead = 0;
    let expected: Revision | undefined;
    const last = this.#lastRevision;
    for (const segment of this.#segments.slice(place.index)) {
      const reader = await this.#openSegment(segment);
      try {
        for (;;) {
          const found = await reader.at(offset);
          if (found.kind === 'end') break;
          if (found.kind === 'damaged') throw new CorruptionError(segment.file, `${found.defect} at byte ${offset}`);
          const group = decodeRecord(found.bytes, found.at, found.header);
          if (expected !== undefined && group.firstRevision !== expected) {
            throw new CorruptionError(segment.file, `revision ${expected} is missing at byte ${offset}`);
          }
          expected = group.firstRevision + group.commits.length;
          bytesRead += found.next - offset;
          offset = found.next;
          if (group.commits.length > 0 && !onGroup(group, bytesRead)) return;
          if (expected > last) return;
        }
      } finally {
        await reader.close();
      }
      offset = segmentHeaderBytes;
    }
  }

  async #openSegment(segment: Segment): Promise<SegmentReader> {
    try {
      return await SegmentReader.open(segment.file);
    } catch (error) {
      if (!this.#segments.includes(segment)) throw new CompactedError(segment.firstRevision, this.firstRevision);
      throw new CorruptionError(segment.file, `this segment of the log cannot be read (${reasonOf(error)})`, { cause: error });
    }
  }

  /** Whether there is a segment that `dropBefore` would remove. */
  hasBefore(revision: Revision): boolean {
    const next = this.#segments[1];
    return next !== undefined && next.firstRevision !== 0 && next.firstRevision <= revision;
  }

  /** Removes the segments that hold only revisions below `revision`, oldest first. */
  async dropBefore(revision: Revision): Promise<void> {
    while (this.hasBefore(revision)) {
      const oldest = this.#segments.shift();
      assert(oldest, 'a log has a segment');
      await unlink(oldest.file);
      await syncDirectory(this.directory);
    }
  }

  /** Marks the end, so that damage to the last commits is told from a torn tail later. */
  async close(): Promise<void> {
    try {
      if (this.#failure === undefined && this.#lastRevision > 0) {
        await this.append({ firstRevision: this.#lastRevision + 1, wallMs: this.#lastWallMs, commits: [] });
      }
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

/** A segment that is complete, durable and named. Rejects with what the system said; nothing is left of it then. */
async function allocateSegment(
  directory: string,
  sequence: number,
  segmentBytes: number,
): Promise<{ segment: Segment; handle: FileHandle }> {
  const file = segmentFile(directory, sequence);
  const handle = await open(file, 'w+');
  try {
    for (let at = 0; at < segmentBytes; at += zeroBlock.length) {
      await writeAll(handle.fd, zeroBlock.subarray(0, Math.min(zeroBlock.length, segmentBytes - at)), at);
      await syncData(handle.fd);
    }
    await writeAll(handle.fd, segmentHeader(sequence), 0);
    await handle.sync();
    await syncDirectory(directory);
    const end = segmentHeaderBytes;
    return { segment: { sequence, file, firstRevision: 0, firstWallMs: 0, end, fileBytes: segmentBytes, marks: [] }, handle };
  } catch (error) {
    await handle.close();
    await unlink(file);
    throw error;
  }
}

function fullError(directory: string, cause: unknown): WeirError {
  return new WeirError('store-full', `no space left for ${directory}; free some, nothing was changed`, { cause });
}

function unknownOutcome(cause: unknown): WeirError {
  return new WeirError('unknown-outcome', `it cannot be told whether this was committed: ${reasonOf(cause)}`, { cause });
}
