import { array, assert, constantFrom, nat, option, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { historyKey, historyPrefix, parseHistoryKey } from '../../../cluster/storage/layout.ts';
import { compareKeys } from '../../../cluster/storage/order.ts';
import { checksumHolds, decodeHeader, decodeRecord, encodeRecord } from '../../../cluster/storage/record.ts';
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
  commits: array(array(change, { maxLength: 5 }), { maxLength: 5 }),
});

describe('records of the commit log', () => {
  it('come back as written', () => {
    assert(
      property(group, (written) => {
        const bytes = encodeRecord(written);
        const header = decodeHeader(bytes, 0);
        expect(bytes.length % 8).toBe(0);
        expect(header && checksumHolds(bytes, 0, header) && decodeRecord(bytes, 0, header)).toEqual(written);
      }),
    );
  });

  it('are not taken for valid with any bit changed', () => {
    assert(
      property(group, nat(), (written, place) => {
        const bytes = encodeRecord(written);
        const length = 32 + bytes.readUInt32LE(8);
        const bit = place % (length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const header = decodeHeader(bytes, 0);
        expect(header !== undefined && 32 + header.payloadBytes <= bytes.length && checksumHolds(bytes, 0, header)).toBe(false);
      }),
    );
  });
});
