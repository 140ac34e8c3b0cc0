import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { decode, encode, fromJson, toHex, toJson } from '../../flows/openflow/index.ts';
import { DecodeError, WeirError } from '../base/errors.ts';

/**
 * `weir openflow decode` and `encode`: lines in, lines out, in order. A line that fails becomes
 * `{ "error", "code", "offset" }` and does not stop the others; blank lines are passed over.
 */

/** A message of 65,535 bytes as `0x00 0x00 …` with room to spare; in JSON it is longer. */
const hexLineBytesMax = 512 * 1024;
const jsonLineBytesMax = 8 * 1024 * 1024;

/** How many lines there were and how many of them failed. `main` exits with 1 when any did. */
export interface LineCount {
  readonly lines: number;
  readonly failed: number;
}

function bytesOf(line: string): Uint8Array {
  const digits = line.replace(/0x|\s+/gi, '');
  const stray = digits.search(/[^0-9a-f]/i);
  if (stray >= 0) throw new DecodeError('not_hex', stray >> 1, `"${digits.charAt(stray)}" is no hexadecimal digit`);
  if (digits.length % 2 !== 0) throw new DecodeError('not_hex', digits.length >> 1, 'half a byte is left');
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

function decodeLine(line: string): string {
  const message = decode(bytesOf(line));
  return JSON.stringify({ ...(toJson(message) as object), hex: toHex(encode(message)) });
}

function encodeLine(line: string): string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw new WeirError('not_json', 'the line is no JSON object', { cause: error });
  }
  return toHex(encode(fromJson(json)));
}

function failureLine(error: WeirError): string {
  return JSON.stringify({ error: error.message, code: error.code, offset: error instanceof DecodeError ? error.offset : 0 });
}

/** Lines of the stream; `null` for one longer than `bytesMax`, of which no more is kept. */
async function* linesOf(input: Readable, bytesMax: number): AsyncGenerator<string | null> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const line = (): string | null => {
    const whole = bytes > bytesMax ? null : Buffer.concat(parts).toString('utf8');
    parts = [];
    bytes = 0;
    return whole;
  };
  const keep = (part: Buffer): void => {
    bytes += part.length;
    if (bytes > bytesMax) parts = [];
    else parts.push(part);
  };
  for await (const given of input) {
    const chunk = Buffer.isBuffer(given) ? given : Buffer.from(String(given));
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      keep(chunk.subarray(start, end));
      yield line();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (bytes > 0) yield line();
}

async function runLines(input: Readable, output: Writable, bytesMax: number, convert: (line: string) => string): Promise<LineCount> {
  let lines = 0;
  let failed = 0;
  for await (const line of linesOf(input, bytesMax)) {
    if (line?.trim() === '') continue;
    lines++;
    let result: string;
    try {
      if (line === null) throw new DecodeError('line_too_long', bytesMax, 'the line is too long');
      result = convert(line);
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      failed++;
      result = failureLine(error);
    }
    if (!output.write(`${result}\n`)) await once(output, 'drain');
  }
  return { lines, failed };
}

/**
 * Reads hexadecimal messages, one a line (spaces and `0x` do not matter), and prints for each one JSON object: version, type, xid,
 * body, and `hex`, the message encoded again from that object.
 */
export function runOpenFlowDecode(input: Readable, output: Writable): Promise<LineCount> {
  return runLines(input, output, hexLineBytesMax, decodeLine);
}

/** Reads such objects, one a line (`hex` is not looked at), and prints each as a hexadecimal message. Failures name the place in the object. */
export function runOpenFlowEncode(input: Readable, output: Writable): Promise<LineCount> {
  return runLines(input, output, jsonLineBytesMax, encodeLine);
}
