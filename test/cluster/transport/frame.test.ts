import { array, assert, boolean, integer, jsonValue, nat, property, record, string, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { type Frame, frameBytesMax, FrameReader, FrameWriter } from '../../../cluster/transport/frame.ts';

const bytesOf = (writer: FrameWriter): Buffer => Buffer.concat(writer.take());

function read(bytes: Buffer, cut: number): Frame[] {
  const reader = new FrameReader(frameBytesMax);
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += cut) frames.push(...reader.take(bytes.subarray(at, at + cut)));
  return frames;
}

/** Repeated, so that some frames are longer than what is copied, and blocks end. */
const sent = record({
  head: jsonValue({ noUnicodeString: false }),
  text: string({ unit: 'grapheme' }),
  bytes: uint8Array(),
  isText: boolean(),
  times: integer({ min: 0, max: 3_000 }),
});

test('what is written comes out as it was, in order, however it is cut and taken', () => {
  assert(
    property(array(sent), integer({ min: 1, max: 70_000 }), nat(4), (all, cut, every) => {
      const writer = new FrameWriter();
      const taken: Buffer[] = [];
      for (const [at, { head, text, bytes, isText, times }] of all.entries()) {
        writer.add('request', head, isText ? text.repeat(times) : [bytes, Buffer.concat(Array.from({ length: times }, () => bytes))]);
        if (at % (every + 1) === 0) taken.push(bytesOf(writer));
      }
      taken.push(bytesOf(writer));
      expect(writer.bytes).toBe(0);
      const wanted = all.map(({ head, text, bytes, isText, times }) => ({
        kind: 'request',
        head: JSON.parse(JSON.stringify(head)) as unknown,
        body: isText ? text.repeat(times) : Buffer.concat(Array.from({ length: times + 1 }, () => bytes)).toString('hex'),
      }));
      const found = read(Buffer.concat(taken), cut).map(({ kind, head, body }, at) => ({
        kind,
        head,
        body: all[at]?.isText === true ? body.toString() : body.toString('hex'),
      }));
      expect(found).toEqual(wanted);
    }),
    { numRuns: 50 },
  );
});

test('says how much waits, and does not write again what was taken', () => {
  const writer = new FrameWriter();
  writer.add('ping', 0, []);
  const first = writer.bytes;
  expect(bytesOf(writer)).toHaveLength(first);
  writer.add('pong', 0, [new Uint8Array(100_000)]);
  const second = writer.bytes;
  const bytes = bytesOf(writer);
  expect(bytes).toHaveLength(second);
  expect(read(bytes, bytes.length).map(({ kind }) => kind)).toEqual(['pong']);
  expect(writer.take()).toEqual([]);
});

test('a frame that nobody would take is not written', () => {
  const writer = new FrameWriter();
  expect(() => writer.add('request', 0, [new Uint8Array(frameBytesMax)])).toThrow(expect.objectContaining({ code: 'frame-too-large' }));
  expect(writer.bytes).toBe(0);
});
