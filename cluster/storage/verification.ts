import { type FileHandle, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { MembershipMark } from '../raft/memberships.ts';
import type { TermRun } from '../raft/term-runs.ts';
import type { Entry, LogIndex } from '../raft/types.ts';
import { CorruptionError } from './corruption.ts';
import { syncData, syncDirectory, writeAll } from './files.ts';
import { groupHeader } from './group.ts';
import { decodeRecord, type Place } from './record.ts';
import { type SegmentBase, segmentHeaderBytes, SegmentReader } from './segment.ts';

/** A segment as the open log knows it. */
export interface Segment {
  readonly sequence: number;
  readonly file: string;
  readonly base: SegmentBase;
  /** Entries behind it were replaced by those of a later segment. */
  liveThrough: LogIndex;
  /** Where the next record goes. Known of the last segment only. */
  end: number;
  fileBytes: number;
  /** A sparse index, ascending: a search starts at the last mark that is not too late. The first stands for the base. */
  readonly marks: Mark[];
}

interface Mark extends Place {
  readonly offset: number;
}

/** What a write that was under way at a crash left behind. Nothing of it was acknowledged; it was dropped. */
export interface TornTail {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

const markSpacingBytes = 64 * 1024;

export function segmentFile(directory: string, sequence: number): string {
  return join(directory, `${String(sequence).padStart(12, '0')}.log`);
}

function segmentSequence(name: string): number | undefined {
  return /^\d{12}\.log$/.test(name) ? Number(name.slice(0, 12)) : undefined;
}

export function newSegment(sequence: number, file: string, base: SegmentBase, fileBytes: number): Segment {
  const { index, revision, wallMs } = base;
  const marks = [{ index, revision, wallMs, offset: segmentHeaderBytes }];
  return { sequence, file, base, liveThrough: Number.POSITIVE_INFINITY, end: segmentHeaderBytes, fileBytes, marks };
}

/** Notes a record that begins at `offset`. */
export function markRecord(segment: Segment, { index, revision, wallMs }: Place, offset: number): void {
  const last = segment.marks.at(-1);
  if (last === undefined || offset - last.offset >= markSpacingBytes) segment.marks.push({ index, revision, wallMs, offset });
}

export interface VerifiedLog {
  readonly segments: Segment[];
  readonly nextSequence: number;
  /** Behind the last entry. */
  readonly last: Place;
  /** Of the entries from the first verified segment on, and what held before them. */
  readonly terms: readonly TermRun[];
  readonly memberships: readonly MembershipMark[];
  readonly tornTail: TornTail | undefined;
  readonly verifiedBytes: number;
}

/**
 * Reads the newest `verifyBytesMax` of the log, and the headers of what is older.
 *
 * A record is written only after the one before it was synced. So what a crash can leave incomplete is the last record
 * alone: damage with nothing valid behind it is a torn tail and is overwritten with zeros; damage with a valid record
 * behind it, in this segment or a later one, concerns acknowledged commits and refuses the store with a CorruptionError.
 */
export async function verifyLog(directory: string, verifyBytesMax: number): Promise<VerifiedLog> {
  const sequences = await listSegments(directory);
  const nextSequence = (sequences.at(-1) ?? 0) + 1;
  const newest = sequences.at(-1);
  if (newest !== undefined && (await dropUnfinishedSegment(directory, newest))) sequences.pop();
  const segments: Segment[] = [];
  const scan = new LogScan();
  let verifiedBytes = 0;
  const bytesFrom = await verifiedFrom(directory, sequences, verifyBytesMax);
  for (const sequence of sequences) {
    const file = segmentFile(directory, sequence);
    const previous = segments.at(-1);
    if (previous !== undefined && sequence !== previous.sequence + 1) {
      throw new CorruptionError(segmentFile(directory, previous.sequence + 1), 'this segment of the log is missing');
    }
    const reader = await SegmentReader.open(file);
    try {
      const base = await reader.base(sequence);
      if (base === undefined) throw new CorruptionError(file, 'the header at byte 0 is damaged');
      const segment = newSegment(sequence, file, base, reader.fileBytes);
      for (const earlier of segments) earlier.liveThrough = Math.min(earlier.liveThrough, base.index);
      segments.push(segment);
      if (sequence < bytesFrom) continue;
      scan.enter(segment);
      await scan.read(reader, segment);
      verifiedBytes += segment.end;
    } finally {
      await reader.close();
    }
  }
  const tornTail = scan.damage === undefined ? undefined : await dropTail(scan.damage);
  const { last, terms, memberships } = scan;
  return { segments, nextSequence, last, terms, memberships, tornTail, verifiedBytes };
}

interface Damage {
  readonly segment: Segment;
  readonly offset: number;
  readonly end: number;
  readonly defect: string;
}

/** Follows the entries through the segments that are read whole. */
class LogScan {
  last: Place = { index: 0, revision: 0, wallMs: 0 };
  terms: TermRun[] = [];
  memberships: MembershipMark[] = [];
  /** Found where a torn tail could be: nothing valid may follow. */
  damage: Damage | undefined;
  #hasEntered = false;

  /** The segment goes on behind its base; what was read behind that was replaced. */
  enter({ base, file }: Segment): void {
    // A segment is begun only when everything before it is durable.
    if (this.damage !== undefined) throw corruptionOf(this.damage);
    const { index, revision, wallMs, term, membership } = base;
    if (!this.#hasEntered) {
      this.#hasEntered = true;
      this.terms = [{ from: index, term }];
      this.memberships = [{ index, membership }];
    } else if (index > this.last.index) {
      throw new CorruptionError(file, `entry ${this.last.index + 1} is missing before it`);
    }
    this.terms = this.terms.filter((run, at) => at === 0 || run.from <= index);
    this.memberships = this.memberships.filter((mark, at) => at === 0 || mark.index <= index);
    this.last = { index, revision, wallMs };
  }

  async read(reader: SegmentReader, segment: Segment): Promise<void> {
    for (;;) {
      const offset = segment.end;
      const found = await reader.at(offset);
      if (found.kind !== 'record') {
        await this.#noteEnd(reader, segment, found.kind === 'damaged' ? found.defect : 'there is content behind the end');
        return;
      }
      const { header } = found;
      if (header.index !== this.last.index || header.revision !== this.last.revision) {
        throw new CorruptionError(
          segment.file,
          `entry ${this.last.index + 1} is missing at byte ${offset}, entry ${header.index + 1} stands there`,
        );
      }
      markRecord(segment, header, offset);
      for (const entry of decodeRecord(found.bytes, found.at, header)) this.#note(entry);
      segment.end = found.next;
    }
  }

  async #noteEnd(reader: SegmentReader, segment: Segment, defect: string): Promise<void> {
    const offset = segment.end;
    const end = await reader.contentEnd(offset);
    if (end === offset) return;
    const behind = await reader.recordBehind(offset);
    if (behind !== undefined) {
      throw new CorruptionError(segment.file, `${defect} at byte ${offset}, and a valid record follows at byte ${behind}`);
    }
    this.damage = { segment, offset, end, defect };
  }

  #note(entry: Entry): void {
    if (entry.term !== this.terms.at(-1)?.term) this.terms.push({ from: entry.index, term: entry.term });
    if (entry.kind === 'membership') this.memberships.push({ index: entry.index, membership: entry.membership });
    this.last = placeBehind(this.last, entry);
  }
}

/** The place behind an entry that follows `before`. */
export function placeBehind(before: Place, entry: Entry): Place {
  const index = entry.index;
  if (entry.kind !== 'command') return { ...before, index };
  const { commitCount, wallMs } = groupHeader(entry.payload);
  return { index, revision: before.revision + commitCount, wallMs };
}

function corruptionOf(damage: Damage): CorruptionError {
  return new CorruptionError(damage.segment.file, `${damage.defect} at byte ${damage.offset}, and a later segment goes on behind it`);
}

/** Zeros in its place, so that nothing of it can be read together with what is written next. */
async function dropTail({ segment, offset, end }: Damage): Promise<TornTail> {
  const handle = await open(segment.file, 'r+');
  try {
    await zeroRange(handle, offset, end);
    await syncData(handle.fd);
  } finally {
    await handle.close();
  }
  return { file: segment.file, offset, bytes: end - offset };
}

async function zeroRange(handle: FileHandle, start: number, end: number): Promise<void> {
  const zeros = Buffer.alloc(Math.min(end - start, 1024 * 1024));
  for (let at = start; at < end; at += zeros.length) {
    await writeAll(handle.fd, zeros.subarray(0, Math.min(zeros.length, end - at)), at);
  }
}

/** Takes away all segments behind the one of that number. */
export async function dropSegments(directory: string, behind: number): Promise<void> {
  for (const sequence of await listSegments(directory)) if (sequence > behind) await unlink(segmentFile(directory, sequence));
  await syncDirectory(directory);
}

/** Takes away what stands behind the end of the segment, there and in files that were to follow it. */
export async function dropBehind(directory: string, { sequence, file, end }: Segment): Promise<void> {
  await dropSegments(directory, sequence);
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(end);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A crash while a segment was prepared leaves one without header, which no record was written to. */
async function dropUnfinishedSegment(directory: string, sequence: number): Promise<boolean> {
  const file = segmentFile(directory, sequence);
  const reader = await SegmentReader.open(file);
  try {
    if ((await reader.base(sequence)) !== undefined) return false;
    const record = await reader.recordBehind(0);
    if (record !== undefined) throw new CorruptionError(file, 'the header at byte 0 is damaged');
  } finally {
    await reader.close();
  }
  await unlink(file);
  await syncDirectory(directory);
  return true;
}

/** The sequence from which on the segments are verified: the newest `verifyBytesMax`, two segments at least. */
async function verifiedFrom(directory: string, sequences: readonly number[], verifyBytesMax: number): Promise<number> {
  let bytes = 0;
  let from = Infinity;
  for (const [age, sequence] of sequences.toReversed().entries()) {
    if (age >= 2 && bytes >= verifyBytesMax) break;
    const reader = await SegmentReader.open(segmentFile(directory, sequence));
    bytes += reader.fileBytes;
    await reader.close();
    from = sequence;
  }
  return from;
}

async function listSegments(directory: string): Promise<number[]> {
  const sequences: number[] = [];
  for (const name of await readdir(directory)) {
    const sequence = segmentSequence(name);
    if (sequence !== undefined) sequences.push(sequence);
  }
  return sequences.toSorted((left, right) => left - right);
}
