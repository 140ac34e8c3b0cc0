import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import { decode, encode, fromJson, toHex, toJson } from '../../../flows/openflow/index.ts';
import type { Version } from '../../../flows/openflow/index.ts';
import { samples } from './samples.ts';

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

const versions: readonly Version[] = [4, 5, 6];
const corpus = versions.flatMap((version) => samples(version).map((message) => encode(message)));

/** Decodes, or fails as it may. What was decoded can be sent, shown and read back, and settles: a second pass changes nothing. */
function digest(bytes: Uint8Array): void {
  let message;
  try {
    message = decode(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (error.offset < 0 || error.offset > bytes.length)
      throw new Error(`offset ${error.offset} is outside of ${bytes.length} bytes`, { cause: error });
    return;
  }
  const sent = encode(message);
  const again = decode(sent);
  expect(toHex(encode(again))).toBe(toHex(sent));
  expect(toHex(encode(fromJson(JSON.parse(JSON.stringify(toJson(message))))))).toBe(toHex(sent));
}

/** Keeps the header's length true, so that what was altered is reached. */
function withLength(bytes: Uint8Array): Uint8Array {
  bytes[2] = bytes.length >> 8;
  bytes[3] = bytes.length & 255;
  return bytes;
}

interface Alteration {
  readonly at: number;
  readonly value: number;
}

const alterations = fc.array(fc.record({ at: fc.nat(), value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 4, 8, 127, 128, 255)) }), {
  minLength: 1,
  maxLength: 6,
});

function altered(bytes: Uint8Array, list: readonly Alteration[], keepHeader: boolean): Uint8Array {
  const copy = bytes.slice();
  const from = keepHeader ? 4 : 0;
  for (const { at, value } of list) if (copy.length > from) copy[from + (at % (copy.length - from))] = value;
  return copy;
}

const anyMessage = fc.nat(corpus.length - 1).map((index) => corpus[index] ?? new Uint8Array());

test('altered messages fail with a decode error and with nothing else', () => {
  fc.assert(
    fc.property(anyMessage, alterations, fc.boolean(), (bytes, list, keepHeader) => digest(altered(bytes, list, keepHeader))),
    { seed, numRuns: 20_000 },
  );
});

test('cut, lengthened and joined messages fail with a decode error and with nothing else', () => {
  fc.assert(
    fc.property(anyMessage, anyMessage, fc.nat(), fc.nat(), (a, b, cutA, cutB) => {
      const head = a.subarray(0, 8 + (cutA % Math.max(1, a.length - 7)));
      digest(withLength(head.slice()));
      digest(head.slice());
      digest(withLength(new Uint8Array([...head, ...b.subarray(cutB % b.length)])));
    }),
    { seed, numRuns: 5000 },
  );
});

test('random bytes fail with a decode error and with nothing else', () => {
  fc.assert(
    fc.property(fc.constantFrom(4, 5, 6), fc.nat(40), fc.uint8Array({ maxLength: 300 }), (version, type, body) =>
      digest(withLength(new Uint8Array([version, type, 0, 0, 0, 0, 0, 1, ...body]))),
    ),
    { seed, numRuns: 20_000 },
  );
});

/** Largest messages made of the smallest parts: the most work and memory that 64 KiB can ask for. */
function full(head: string, part: string): Uint8Array {
  const start = Buffer.from(head.replace(/\s/g, ''), 'hex');
  const piece = Buffer.from(part.replace(/\s/g, ''), 'hex');
  const count = Math.floor((65_528 - start.length) / piece.length);
  return withLength(new Uint8Array(Buffer.concat([start, ...Array.from({ length: count }, () => piece)])));
}

test.each([
  ['empty hello elements', full('0600000000000001', '0002000400000000')],
  ['group buckets without actions', full('040f000000000001 0000000000000001', '0010000000000000 0000000000000000')],
  ['meters without bands', full('0413000000000001 000a000000000000', '0008000000000001')],
  ['properties without contents', full('061c000000000001', '0063000400000000')],
  ['flow updates', full('0513000000000001 0010000000000000', '0008000400000001')],
  ['ids of table features', full('0412000000000001 000c000000000000', '0040 0100 00000000'.padEnd(128, '0'))],
])('a full message of %s is decoded in time and in bounds', (_, bytes) => {
  const before = process.memoryUsage().heapUsed;
  const { user } = process.cpuUsage();
  digest(bytes);
  // Of this process, so whoever else is busy: what takes the square of the parts takes minutes.
  expect(process.cpuUsage().user - user).toBeLessThan(5_000_000);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(128 * 1024 * 1024);
});
