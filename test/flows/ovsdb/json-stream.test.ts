import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeJson } from '../../../flows/ovsdb/json.ts';
import type { JsonValue } from '../../../flows/ovsdb/json.ts';
import { jsonLimits, JsonStream } from '../../../flows/ovsdb/json-stream.ts';
import type { JsonLimits } from '../../../flows/ovsdb/json-stream.ts';
import { DecodeError } from '../../../src/base/errors.ts';

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'utf8');

function parse(chunks: readonly Uint8Array[], limits: JsonLimits = jsonLimits): JsonValue[] {
  const stream = new JsonStream(limits);
  return chunks.flatMap((chunk) => [...stream.push(chunk)]);
}

function failure(input: Uint8Array | string, limits: JsonLimits = jsonLimits): { code: string; offset: number } {
  try {
    parse([typeof input === 'string' ? bytesOf(input) : input], limits);
  } catch (error) {
    if (error instanceof DecodeError) return { code: error.code, offset: error.offset };
    throw error;
  }
  throw new Error('it was accepted');
}

/** Strings that can be sent as UTF-8, and no negative zero. */
const messages = fc
  .jsonValue({ maxDepth: 6, stringUnit: 'binary' })
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonValue)
  .map((value): JsonValue => ({ method: 'm', params: [value] }))
  .filter((value) => JSON.stringify(value).isWellFormed() && !/\\ud[89a-f]/i.test(JSON.stringify(value)));

describe('what is well-formed', () => {
  test('is read as the platform reads it, wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(messages, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(60), { minLength: 1, maxLength: 50 }),
        (values, sizes) => {
          const bytes = bytesOf(values.map((value) => JSON.stringify(value, undefined, values.length)).join('\n '));
          const chunks: Uint8Array[] = [];
          for (let at = 0, index = 0; at < bytes.length; index++) {
            const size = sizes[index % sizes.length] || 1;
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          // Written back, because an integer outside the safe range comes as a bigint.
          expect(parse(chunks).map((value) => JSON.parse(encodeJson(value)) as unknown)).toEqual(values);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is read when it is cut at every byte', () => {
    const text = '{"a":[1,-2.5e3,true,false,null,"x\\u00e9\\ud83d\\ude00\\n\\"é😀",{"":{}},[]],"b":9223372036854775807} [0]';
    const expected = parse([bytesOf(text)]);
    expect(expected).toEqual([{ a: [1, -2500, true, false, null, 'xé😀\n"é😀', { '': {} }, []], b: 9223372036854775807n }, [0]]);
    const bytes = bytesOf(text);
    expect(parse([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    for (let cut = 0; cut <= bytes.length; cut++) expect(parse([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(expected);
  });

  test('keeps 64-bit integers, has no negative zero and is written back as it was', () => {
    const [value] = parse([bytesOf('[9007199254740991,9007199254740992,-9223372036854775808,-0,1e3]')]);
    expect(value).toEqual([9007199254740991, 9007199254740992n, -9223372036854775808n, 0, 1000]);
    expect(encodeJson(value as JsonValue)).toBe('[9007199254740991,9007199254740992,-9223372036854775808,0,1000]');
  });

  test('may name __proto__ without touching any prototype', () => {
    const [value] = parse([bytesOf('{"__proto__":{"polluted":1},"constructor":2}')]);
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test('keeps a byte order mark inside a string', () => {
    expect(parse([bytesOf('["\uFEFFx"]')])).toEqual([['\uFEFFx']]);
  });

  test('is yielded before the error behind it', () => {
    const stream = new JsonStream();
    const seen: JsonValue[] = [];
    expect(() => {
      for (const value of stream.push(bytesOf('{"id":1}\n{"id":}'))) seen.push(value);
    }).toThrow(DecodeError);
    expect(seen).toEqual([{ id: 1 }]);
  });

  test('is partial from its first byte to its last', () => {
    const stream = new JsonStream();
    const states = [' ', '{', '"a":', '1', '}', '\n'].map((text) => {
      const yielded = [...stream.push(bytesOf(text))].length;
      return stream.partial || yielded > 1;
    });
    expect(states).toEqual([false, true, true, true, false, false]);
  });
});

describe('what is malformed is named with its byte', () => {
  test.each([
    ['HTTP/1.1 400 Bad Request', 'json-syntax', 0],
    ['"text"', 'json-syntax', 0],
    ['12', 'json-syntax', 0],
    ['\u{FEFF}{}', 'json-syntax', 0],
    ['  {"a" 1}', 'json-syntax', 5],
    ['{a:1}', 'json-syntax', 1],
    ['{"a":1,}', 'json-syntax', 7],
    ['[1,]', 'json-syntax', 3],
    ['[1 2]', 'json-syntax', 3],
    ['{"a":1]', 'json-syntax', 6],
    ['[}', 'json-syntax', 1],
    ['[trux]', 'json-syntax', 4],
    ['[01]', 'json-syntax', 1],
    ['[1.]', 'json-syntax', 1],
    ['[--1]', 'json-syntax', 1],
    ['[1e999]', 'json-limit', 1],
    ['["\\x"]', 'json-syntax', 3],
    ['["\\u12g4"]', 'json-syntax', 6],
    ['["a\nb"]', 'json-syntax', 3],
    ['["\\ud800"]', 'json-encoding', 1],
    ['{"ok":1}{"a":,}', 'json-syntax', 5],
  ])('%j', (text, code, offset) => {
    expect(failure(text)).toEqual({ code, offset });
  });

  test('bytes that are no UTF-8', () => {
    expect(failure(Uint8Array.of(0x5b, 0x22, 0xc3, 0x28, 0x22, 0x5d))).toEqual({ code: 'json-encoding', offset: 1 });
  });

  test('whatever comes, only a decode error is thrown, and nothing is accepted that the platform refuses', () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(messages, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
        const bytes = Buffer.from(JSON.stringify(value));
        bytes[at % bytes.length] = byte;
        return bytes;
      }),
      fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0aet.-1 '.split('')), maxLength: 60 }).map((text) => Buffer.from(`[${text}]`)),
    );
    fc.assert(
      fc.property(noise, (bytes) => {
        const ours = outcome(() => parse([bytes]));
        expect(ours.error === undefined || ours.error instanceof DecodeError).toBe(true);
        const platform = outcome(() => JSON.parse(Buffer.from(bytes).toString('utf8')) as JsonValue);
        const [value] = ours.result ?? [];
        // Written back, because an integer outside the safe range comes as a bigint.
        const written = value !== undefined && isWhole(bytes) ? (JSON.parse(encodeJson(value)) as unknown) : undefined;
        expect(written).toEqual(written === undefined ? undefined : JSON.parse(JSON.stringify(platform.result)));
      }),
      { numRuns: 3000 },
    );
  });
});

function outcome<T>(attempt: () => T): { readonly result?: T; readonly error?: unknown } {
  try {
    return { result: attempt() };
  } catch (error) {
    return { error };
  }
}

/** Whether one message fills the input: nothing is begun behind it. */
function isWhole(bytes: Uint8Array): boolean {
  const stream = new JsonStream();
  return [...stream.push(bytes)].length === 1 && !stream.partial;
}

describe('limits cost the message, not the process', () => {
  const limits: JsonLimits = { messageBytesMax: 100, depthMax: 4, stringBytesMax: 10, valuesMax: 20 };

  test.each([
    ['bytes of a message', `{"a":${' '.repeat(200)}`, 'json-limit', 101],
    ['depth', '[[[[[', 'json-limit', 4],
    ['a string', '["0123456789a', 'json-limit', 1],
    ['a member name', '{"0123456789a', 'json-limit', 1],
    ['values', `[${'1,'.repeat(30)}`, 'json-limit', 39],
  ])('%s', (_name, text, code, offset) => {
    expect(failure(text, limits)).toEqual({ code, offset });
  });

  test('an endless number', () => {
    expect(failure(`[${'1'.repeat(100)}`)).toEqual({ code: 'json-limit', offset: 65 });
  });

  test('the same when every byte comes alone', () => {
    const stream = new JsonStream(limits);
    const push = (): void => {
      for (const byte of bytesOf('["0123456789abc')) for (const value of stream.push(Uint8Array.of(byte))) expect(value).toBeUndefined();
    };
    expect(push).toThrow('a string is longer than 10 bytes, begun at byte 1');
  });

  test('each message begins anew', () => {
    expect(parse([bytesOf('[1,2,3,4,5,6,7,8,9,10]'.repeat(50))], limits)).toHaveLength(50);
  });
});
