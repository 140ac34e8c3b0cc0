import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import { Framer, encode, toHex } from '../../../flows/openflow/index.ts';
import { samples } from './samples.ts';

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

const messages = samples(4).map((message) => encode(message));
const stream = new Uint8Array(Buffer.concat(messages));

test('frames do not depend on how the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sizes) => {
      const framer = new Framer();
      const frames: string[] = [];
      for (let offset = 0, turn = 0; offset < stream.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        framer.push(stream.subarray(offset, offset + size), (frame) => frames.push(toHex(frame)));
        offset += size;
      }
      expect(frames).toEqual(messages.map(toHex));
      expect(framer.pendingBytes).toBe(0);
    }),
    { seed, numRuns: 300 },
  );
});

test('what is good before a bad header is delivered', () => {
  const frames: Uint8Array[] = [];
  const push = (): void =>
    new Framer().push(new Uint8Array([4, 2, 0, 8, 0, 0, 0, 1, 4, 2, 0, 7, 0, 0, 0, 1]), (frame) => frames.push(frame));
  expect(push).toThrow(DecodeError);
  expect(frames.length).toBe(1);
});

test.each([
  [[4, 2, 0, 7, 0, 0, 0, 0], 'bad_length'],
  [[4, 2, 0, 0, 0, 0, 0, 0], 'bad_length'],
  [[4, 14, 8, 1, 0, 0, 0, 0], 'bad_length'],
  [[0, 0, 0, 8, 0, 0, 0, 0], 'bad_version'],
  [[1, 14, 0, 8, 0, 0, 0, 0], 'bad_version'],
  [[71, 69, 84, 32, 47, 32, 72, 84], 'bad_version'],
])('a header %j is refused: %s', (header, code) => {
  for (const size of [1, 3, 8]) {
    const framer = new Framer(2048);
    const push = (): void => {
      for (let offset = 0; offset < 8; offset += size) framer.push(new Uint8Array(header.slice(offset, offset + size)), () => undefined);
    };
    expect(push).toThrow(expect.objectContaining({ code }));
  }
});

test('no more is held than one frame', () => {
  const framer = new Framer();
  framer.push(new Uint8Array([4, 2, 0xff, 0xff, 0, 0, 0, 0]), () => undefined);
  framer.push(new Uint8Array(65_000), () => undefined);
  expect(framer.pendingBytes).toBe(65_008);
});
