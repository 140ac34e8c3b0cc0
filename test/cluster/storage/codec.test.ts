import { array, assert, constant, constantFrom, nat, oneof, option, property, record, string, tuple, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../cluster/raft/types.ts';
import { decodeGroup, encodeGroup } from '../../../cluster/storage/group.ts';
import { historyKey, historyPrefix, parseHistoryKey } from '../../../cluster/storage/layout.ts';
import { compareKeys } from '../../../cluster/storage/order.ts';
import { checksumHolds, decodeHeader, decodeRecord, encodeRecord, recordHeaderBytes } from '../../../cluster/storage/record.ts';
import { decodeSegmentHeader, segmentHeader, segmentHeaderBytes } from '../../../cluster/storage/segment.ts';
import { DecodeError } from '../../../src/base/errors.ts';
import { decodeRow, encodeRow } from '../../../cluster/storage/row.ts';

/** Characters around every edge of the encodings. */
const text = string({
  unit: constantFrom('\0', '\u0001', '\u0002', 'a', 'b', ' ', '~', '\u007f', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
});
const revision = nat({ max: Number.MAX_SAFE_INTEGER });

function bytesOrder(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

describe('the order of keys', () => {
  it('is that of their bytes', () => {
    assert(
      property(text, text, (left, right) => {
        expect(Math.sign(compareKeys(left, right))).toBe(bytesOrder(left, right));
      }),
    );
  });
});

describe('history rows', () => {
  it('are ordered by key, then by revision', () => {
    assert(
      property(text, revision, text, revision, (leftKey, left, rightKey, right) => {
        const expected = bytesOrder(leftKey, rightKey) || Math.sign(left - right);
        expect(bytesOrder(historyKey(leftKey, left), historyKey(rightKey, right))).toBe(expected);
      }),
    );
  });

  it('are in a range of keys when their key is', () => {
    assert(
      property(text, revision, text, (key, at, bound) => {
        expect(bytesOrder(historyKey(key, at), historyPrefix(bound)) < 0).toBe(bytesOrder(key, bound) < 0);
      }),
    );
  });

  it('tell key and revision', () => {
    assert(
      property(text, revision, (key, replacedAt) => {
        expect(parseHistoryKey(historyKey(key, replacedAt))).toEqual({ key, replacedAt });
      }),
    );
  });
});

describe('rows', () => {
  it('come back as written, and not for another key or with another byte', () => {
    assert(
      property(text, text, revision, revision, nat(), (key, value, createRevision, modRevision, place) => {
        const entry = { key, value, createRevision, modRevision };
        const row = encodeRow(entry);
        expect(decodeRow(key, row)).toEqual(entry);
        expect(decodeRow(`${key}x`, row)).toBeUndefined();
        const at = place % row.length;
        const other = row[at] === 'x' ? 'y' : 'x';
        expect(decodeRow(key, row.slice(0, at) + other + row.slice(at + 1))).toBeUndefined();
      }),
    );
  });
});

const change = record({
  key: text,
  value: option(text, { nil: undefined }),
  createRevision: revision,
  beforeRevision: revision,
});
const group = record({
  firstRevision: revision,
  wallMs: nat({ max: 2 ** 50 }),
  commits: array(record({ requestId: text, changes: array(change, { maxLength: 5 }) }), { maxLength: 5 }),
});
const place = record({ index: nat({ max: 2 ** 50 }), revision, wallMs: nat({ max: 2 ** 50 }) });
const bodies = array(
  oneof(
    record({ kind: constant('command' as const), term: nat(), payload: uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)) }),
    record({ kind: constant('empty' as const), term: nat() }),
    record({
      kind: constant('membership' as const),
      term: nat(),
      membership: record({ voters: array(string(), { maxLength: 3 }), learners: array(string(), { maxLength: 3 }) }),
    }),
  ),
  { maxLength: 5 },
);
const written = tuple(place, bodies).map(([before, entries]) => ({
  before,
  entries: entries.map((entry, at): Entry => ({ ...entry, index: before.index + at + 1 })),
}));

describe('groups of commits', () => {
  it('come back as written, and cut short are refused', () => {
    assert(
      property(group, nat(), (original, at) => {
        const bytes = encodeGroup(original);
        expect(decodeGroup(bytes)).toEqual(original);
        expect(() => decodeGroup(bytes.subarray(0, at % bytes.length))).toThrow(DecodeError);
      }),
    );
  });
});

describe('records of the log', () => {
  it('come back as written', () => {
    assert(
      property(written, ({ before, entries }) => {
        const bytes = encodeRecord(before, entries);
        const header = decodeHeader(bytes, 0);
        expect(bytes.length % 8).toBe(0);
        expect(header).toMatchObject(before);
        expect(header && checksumHolds(bytes, 0, header) && decodeRecord(bytes, 0, header)).toEqual(entries);
      }),
    );
  });

  it('are not taken for valid with any bit changed', () => {
    assert(
      property(written, nat(), ({ before, entries }, at) => {
        const bytes = encodeRecord(before, entries);
        const length = recordHeaderBytes + bytes.readUInt32LE(8);
        const bit = at % (length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const header = decodeHeader(bytes, 0);
        expect(header !== undefined && recordHeaderBytes + header.payloadBytes <= bytes.length && checksumHolds(bytes, 0, header)).toBe(
          false,
        );
      }),
    );
  });
});

describe('headers of segments', () => {
  it('come back as written, and not with any bit changed', () => {
    const base = { index: 7, revision: 5, wallMs: 3, term: 2, membership: { voters: ['a', 'b'], learners: ['c'] } };
    const size = segmentHeaderBytes;
    assert(
      property(nat({ max: size * 8 - 1 }), (bit) => {
        const header = segmentHeader(9, base);
        expect(decodeSegmentHeader(header, 9)).toEqual(base);
        expect(decodeSegmentHeader(header, 8)).toBeUndefined();
        header[bit >> 3] = (header[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(decodeSegmentHeader(header, 9)).toBeUndefined();
      }),
    );
  });
});
