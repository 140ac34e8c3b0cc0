import { type FileHandle, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Revision } from '../store/port.ts';
import { CorruptionError } from './corruption.ts';
import { syncData, syncDirectory, writeAll } from './files.ts';
import { segmentHeaderBytes, SegmentReader } from './segment.ts';

/** A segment as the open log knows it. */
export interface Segment {
  readonly sequence: number;
  readonly file: string;
  /** Of its first record; 0 while it has none. */
  firstRevision: Revision;
  firstWallMs: number;
  /** Where the next record goes. Known of the last segment only. */
  end: number;
  fileBytes: number;
  /** A sparse index, ascending: a search starts at the last mark that is not too late. */
  readonly marks: Mark[];
}

interface Mark {
  readonly revision: Revision;
  readonly wallMs: number;
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

/** Notes a record that begins at `offset`. */
export function segmentMark(segment: Segment, revision: Revision, wallMs: number, offset: number): void {
  if (segment.firstRevision === 0) {
    segment.firstRevision = revision;
    segment.firstWallMs = wallMs;
  }
  const last = segment.marks.at(-1);
  if (last === undefined || offset - last.offset >= markSpacingBytes) segment.marks.push({ revision, wallMs, offset });
}

export interface VerifiedLog {
  readonly segments: Segment[];
  readonly nextSequence: number;
  readonly lastRevision: Revision;
  readonly lastWallMs: number;
  readonly tornTail: TornTail | undefined;
  readonly verifiedBytes: number;
}

/**
 * Reads the newest `verifyBytesMax` of the log, and the first record of what is older.
 *
 * A group is written only after the one before it was synced. So what a crash can leave incomplete is the last record
 * alone: damage with nothing valid behind it is a torn tail and is overwritten with zeros; damage with a valid record
 * behind it, in this segment or a later one, concerns acknowledged commits and refuses the store with a CorruptionError.
 */
export async function verifyLog(directory: string, verifyBytesMax: number): Promise<VerifiedLog> {
  const sequences = await listSegments(directory);
  const newest = sequences.at(-1);
  if (newest !== undefined && (await dropUnfinishedSegment(directory, newest))) sequences.pop();
  const segments: Segment[] = [];
  let state: ScanState = { expected: undefined, wallMs: 0, damage: undefined };
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
      if (!(await reader.headerHolds(sequence))) throw new CorruptionError(file, 'the header at byte 0 is damaged');
      const segment: Segment = {
        sequence,
        file,
        firstRevision: 0,
        firstWallMs: 0,
        end: segmentHeaderBytes,
        fileBytes: reader.fileBytes,
        marks: [],
      };
      segments.push(segment);
      if (sequence < bytesFrom) {
        await glance(reader, segment);
      } else {
        state = await scanSegment(reader, segment, state);
        verifiedBytes += segment.end;
      }
    } finally {
      await reader.close();
    }
  }
  const tornTail = state.damage === undefined ? undefined : await dropTail(state.damage);
  return {
    segments,
    nextSequence: (sequences.at(-1) ?? 0) + 1,
    lastRevision: (state.expected ?? 1) - 1,
    lastWallMs: state.wallMs,
    tornTail,
    verifiedBytes,
  };
}

interface Damage {
  readonly segment: Segment;
  readonly offset: number;
  readonly end: number;
  readonly defect: string;
}

interface ScanState {
  /** The revision that the next record begins with; undefined before the first. */
  readonly expected: Revision | undefined;
  readonly wallMs: number;
  /** Found where a torn tail could be: nothing valid may follow. */
  readonly damage: Damage | undefined;
}

async function scanSegment(reader: SegmentReader, segment: Segment, before: ScanState): Promise<ScanState> {
  let { expected, wallMs } = before;
  for (;;) {
    const offset = segment.end;
    const found = await reader.at(offset);
    if (found.kind !== 'record') {
      const defect = found.kind === 'damaged' ? found.defect : 'there is content behind the end';
      const end = await reader.contentEnd(offset);
      if (end === offset) return { expected, wallMs, damage: before.damage };
      const behind = await reader.recordBehind(offset);
      if (behind !== undefined) {
        throw new CorruptionError(segment.file, `${defect} at byte ${offset}, and a valid record follows at byte ${behind}`);
      }
      if (before.damage !== undefined) throw corruptionOf(before.damage);
      return { expected, wallMs, damage: { segment, offset, end, defect } };
    }
    if (before.damage !== undefined) throw corruptionOf(before.damage);
    const { header } = found;
    if (expected !== undefined && header.firstRevision !== expected) {
      throw new CorruptionError(segment.file, `revision ${expected} is missing at byte ${offset}, ${header.firstRevision} stands there`);
    }
    segmentMark(segment, header.firstRevision, header.wallMs, offset);
    expected = header.firstRevision + header.commitCount;
    wallMs = header.wallMs;
    segment.end = found.next;
  }
}

function corruptionOf(damage: Damage): CorruptionError {
  return new CorruptionError(damage.segment.file, `${damage.defect} at byte ${damage.offset}, and later segments hold commits`);
}

/** The first record tells what a segment begins with. */
async function glance(reader: SegmentReader, segment: Segment): Promise<void> {
  const found = await reader.at(segment.end);
  if (found.kind !== 'record') throw new CorruptionError(segment.file, `no valid record at byte ${segment.end}`);
  segmentMark(segment, found.header.firstRevision, found.header.wallMs, segment.end);
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

/** A crash while a segment was prepared leaves one without header, which no record was written to. */
async function dropUnfinishedSegment(directory: string, sequence: number): Promise<boolean> {
  const file = segmentFile(directory, sequence);
  const reader = await SegmentReader.open(file);
  try {
    if (await reader.headerHolds(sequence)) return false;
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
