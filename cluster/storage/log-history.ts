import { assert, reasonOf } from '../../src/base/errors.ts';
import type { Entry, LogIndex } from '../raft/types.ts';
import { CompactedError } from '../store/errors.ts';
import type { Revision } from '../store/port.ts';
import { CorruptionError } from './corruption.ts';
import { decodeGroup, groupHeader, type LoggedChange } from './group.ts';
import { decodeRecord, type Place } from './record.ts';
import { segmentHeaderBytes, SegmentReader } from './segment.ts';
import { placeBehind, type Segment } from './verification.ts';

/** A commit, with its place in the history. */
export interface PlacedCommit {
  readonly revision: Revision;
  readonly wallMs: number;
  readonly changes: readonly LoggedChange[];
}

export interface LogHistoryOptions {
  /** As the log has them now. */
  readonly segments: () => readonly Segment[];
  /** The last durable entry. */
  readonly last: () => LogIndex;
}

/** What a log holds, read from its segments while it is appended to; each record is checked as it is read. */
export class LogHistory {
  readonly #options: LogHistoryOptions;

  constructor(options: LogHistoryOptions) {
    this.#options = options;
  }

  /** The place behind the entry at `index`, which is kept. */
  async placeBehind(index: LogIndex): Promise<Place> {
    const { at, mark } = this.#findMark((place) => place.index <= index);
    let found: Place = mark;
    await this.#scan(at, mark.offset, (entries) => {
      for (const entry of entries) if (entry.index <= index) found = placeBehind(found, entry);
      return found.index < index;
    });
    return found;
  }

  /** Entries from `from` on, up to `upTo`, until `bytesMax` is passed, at least one. All are kept. Rejects with a CorruptionError. */
  async entries(from: LogIndex, upTo: LogIndex, bytesMax: number): Promise<Entry[]> {
    const found: Entry[] = [];
    const { at, mark } = this.#findMark((place) => place.index < from);
    await this.#scan(at, mark.offset, (entries, bytesRead) => {
      for (const entry of entries) if (entry.index >= from && entry.index <= upTo) found.push(entry);
      return (entries.at(-1)?.index ?? 0) < upTo && (bytesRead < bytesMax || found.length === 0);
    });
    return found;
  }

  /**
   * Commits from `from` on, in order, up to and including `to`: those of whole records until `bytesMax` is passed, at least one.
   * `to` is durable, `from` is kept. Rejects with a CorruptionError.
   */
  async commits(from: Revision, to: Revision, bytesMax: number): Promise<PlacedCommit[]> {
    const commits: PlacedCommit[] = [];
    let reached = 0;
    const { at, mark } = this.#findMark((place) => place.revision < from);
    await this.#scan(at, mark.offset, (entries, bytesRead) => {
      for (const entry of entries) {
        if (entry.kind !== 'command') continue;
        const group = decodeGroup(entry.payload);
        for (const [index, { changes }] of group.commits.entries()) {
          reached = group.firstRevision + index;
          if (reached >= from && reached <= to) commits.push({ revision: reached, wallMs: group.wallMs, changes });
        }
      }
      return reached < to && (bytesRead < bytesMax || commits.length === 0);
    });
    return commits;
  }

  /** The highest kept revision, up to `upTo`, that was committed at or before `wallMs`; undefined when the log does not reach back so far. */
  async revisionAt(wallMs: number, upTo: Revision): Promise<Revision | undefined> {
    const first = this.#options.segments()[0]?.base;
    if (first === undefined || (first.revision > 0 && first.wallMs > wallMs)) return undefined;
    const { at, mark } = this.#findMark((place) => place.wallMs <= wallMs);
    let found = mark.revision;
    await this.#scan(at, mark.offset, (entries) => {
      for (const entry of entries) {
        if (entry.kind !== 'command') continue;
        const group = groupHeader(entry.payload);
        if (group.wallMs > wallMs) return false;
        found = group.firstRevision + group.commitCount - 1;
      }
      return found < upTo;
    });
    return Math.min(found, upTo);
  }

  /** The last mark of a live part of the log for which `isBefore` holds; the first one of all when there is none. */
  #findMark(isBefore: (place: Place) => boolean): { readonly at: number; readonly mark: Segment['marks'][number] } {
    for (let at = this.#options.segments().length - 1; at >= 0; at--) {
      const segment = this.#options.segments()[at];
      const mark = segment?.marks.findLast((candidate) => candidate.index <= segment.liveThrough && isBefore(candidate));
      if (mark !== undefined) return { at, mark };
    }
    const mark = this.#options.segments()[0]?.marks[0];
    assert(mark, 'a segment has a mark for its base');
    return { at: 0, mark };
  }

  /** Entries that count, record by record from a place on, while `onRecord` says so. Records behind the durable end are not looked at. */
  async #scan(first: number, start: number, onRecord: (entries: readonly Entry[], bytesRead: number) => boolean): Promise<void> {
    let offset = start;
    let bytesRead = 0;
    const last = this.#options.last();
    for (const segment of this.#options.segments().slice(first)) {
      const reader = await this.#openSegment(segment);
      try {
        for (;;) {
          const found = await reader.at(offset);
          if (found.kind === 'end') break;
          if (found.kind === 'damaged') throw new CorruptionError(segment.file, `${found.defect} at byte ${offset}`);
          if (found.header.index >= Math.min(segment.liveThrough, last)) break;
          const entries = decodeRecord(found.bytes, found.at, found.header).filter(
            ({ index }) => index <= segment.liveThrough && index <= last,
          );
          bytesRead += found.next - offset;
          offset = found.next;
          if (!onRecord(entries, bytesRead)) return;
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
      if (!this.#options.segments().includes(segment))
        throw new CompactedError(segment.base.revision, (this.#options.segments()[0]?.base.revision ?? 0) + 1);
      throw new CorruptionError(segment.file, `this segment of the log cannot be read (${reasonOf(error)})`, { cause: error });
    }
  }
}
