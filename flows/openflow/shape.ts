import { formatMac, parseMac } from '../../src/base/addresses.ts';
import { WeirError } from '../../src/base/errors.ts';
import { toHex } from './reader.ts';
import type { Reader, Version } from './reader.ts';
import type { Writer } from './writer.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json | undefined };

/**
 * One part of the wire format with everything that can be done with it. `encode` trusts its value; `fromJson` checks what it is
 * given and names the place of what is wrong. `decode` reads from the reader's offset and never beyond its end.
 */
export interface Shape<T> {
  decode(reader: Reader): T;
  encode(writer: Writer, value: T): void;
  toJson(value: T, version: number): Json;
  fromJson(json: unknown, path: string, version: number): T;
}

export type Value<S> = S extends Shape<infer T> ? T : never;

export function malformed(path: string, problem: string): WeirError {
  return new WeirError('malformed', `${path} ${problem}`);
}

export function integerOf(json: unknown, path: string, max: number): number {
  if (typeof json !== 'number' || !Number.isInteger(json) || json < 0 || json > max)
    throw malformed(path, `must be an integer from 0 to ${max}`);
  return json;
}

/** From a JSON number, or from decimal or `0x` text. */
export function bigOf(json: unknown, path: string, bits: number): bigint {
  const given =
    typeof json === 'number' && Number.isSafeInteger(json)
      ? BigInt(json)
      : typeof json === 'string' && /^(0x[0-9a-f]{1,256}|\d{1,40})$/i.test(json)
        ? BigInt(json)
        : undefined;
  if (given === undefined || given < 0n || given >> BigInt(bits) !== 0n)
    throw malformed(path, `must be an unsigned number of ${bits} bits`);
  return given;
}

export function hexOf(json: unknown, path: string): string {
  if (typeof json !== 'string' || !/^([0-9a-f]{2})*$/i.test(json)) throw malformed(path, 'must be hexadecimal bytes');
  return json.toLowerCase();
}

export function objectOf(json: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw malformed(path, 'must be an object');
  return json as Readonly<Record<string, unknown>>;
}

function unsigned(bits: 8 | 16 | 24 | 32, read: (reader: Reader) => number, write: (writer: Writer, value: number) => void): Shape<number> {
  return { decode: read, encode: write, toJson: (value) => value, fromJson: (json, path) => integerOf(json, path, 2 ** bits - 1) };
}

export const u8 = unsigned(
  8,
  (reader) => reader.u8(),
  (writer, value) => writer.u8(value),
);
export const u16 = unsigned(
  16,
  (reader) => reader.u16(),
  (writer, value) => writer.u16(value),
);
export const u32 = unsigned(
  32,
  (reader) => reader.u32(),
  (writer, value) => writer.u32(value),
);

/** 64 bits of an identifier or mask: hexadecimal in JSON. */
export const u64: Shape<bigint> = {
  decode: (reader) => reader.u64(),
  encode: (writer, value) => writer.u64(value),
  toJson: (value) => `0x${value.toString(16)}`,
  fromJson: (json, path) => bigOf(json, path, 64),
};

/** 64 bits of a count: decimal text in JSON. */
export const counter: Shape<bigint> = { ...u64, toJson: (value) => value.toString() };

export const u128: Shape<bigint> = {
  decode: (reader) => reader.u128(),
  encode: (writer, value) => writer.u128(value),
  toJson: (value) => `0x${value.toString(16)}`,
  fromJson: (json, path) => bigOf(json, path, 128),
};

export const mac: Shape<number> = {
  decode: (reader) => reader.u48(),
  encode: (writer, value) => writer.u48(value),
  toJson: (value) => formatMac(value),
  fromJson: (json, path) => {
    if (typeof json !== 'string') throw malformed(path, 'must be a MAC address');
    return parseMac(json);
  },
};

/** Everything up to the end. A view of the decoded buffer. */
export const rest: Shape<Uint8Array> = {
  decode: (reader) => reader.take(reader.left),
  encode: (writer, value) => writer.raw(value),
  toJson: (value) => toHex(value),
  fromJson: (json, path) => new Uint8Array(Buffer.from(hexOf(json, path), 'hex')),
};

/** Text in a field of fixed length, padded with NUL. */
export function text(count: number): Shape<string> {
  return {
    decode: (reader) => reader.text(count),
    encode: (writer, value) => writer.text(value, count),
    toJson: (value) => value,
    fromJson: (json, path) => {
      if (typeof json !== 'string' || json.length > count) throw malformed(path, `must be text of at most ${count} bytes`);
      return json;
    },
  };
}

type Width = 8 | 16 | 32;
const widths = { 8: u8, 16: u16, 32: u32 };

/** One of the named numbers; a number without a name stays a number. */
export function names<const T extends Readonly<Record<string, number>>>(width: Width, table: T): Shape<(keyof T & string) | number> {
  const base = widths[width];
  const byNumber = new Map<number, keyof T & string>();
  for (const [name, number] of Object.entries(table)) if (!byNumber.has(number)) byNumber.set(number, name);
  return {
    decode: (reader) => {
      const number = base.decode(reader);
      return byNumber.get(number) ?? number;
    },
    encode: (writer, value) => base.encode(writer, typeof value === 'number' ? value : (table[value] ?? 0)),
    toJson: (value) => value,
    fromJson: (json, path, version) => {
      if (typeof json === 'number') return base.fromJson(json, path, version);
      if (typeof json === 'string' && Object.hasOwn(table, json)) return json;
      throw malformed(path, `must be one of ${Object.keys(table).join(', ')}, or a number`);
    },
  };
}

/** Cached lists per bitmap: hosts see the same few values again and again. */
const flagCacheMax = 256;

/** A bitmap as the list of its names, lowest bit first; bits without a name stand as `0x…`. */
export function flags<const T extends Readonly<Record<string, number>>>(
  width: Width,
  table: T,
): Shape<readonly ((keyof T & string) | `0x${string}`)[]> {
  type Flag = (keyof T & string) | `0x${string}`;
  const base = widths[width];
  const byBit = new Map<number, Flag>(Object.entries(table).map(([name, bit]) => [bit, name]));
  const cache = new Map<number, readonly Flag[]>();
  const listOf = (bitmap: number): readonly Flag[] => {
    const cached = cache.get(bitmap);
    if (cached) return cached;
    const list: Flag[] = [];
    for (let bit = 1; bit <= bitmap; bit *= 2) if (Math.floor(bitmap / bit) % 2 === 1) list.push(byBit.get(bit) ?? `0x${bit.toString(16)}`);
    Object.freeze(list);
    if (cache.size < flagCacheMax) cache.set(bitmap, list);
    return list;
  };
  return {
    decode: (reader) => listOf(base.decode(reader)),
    encode: (writer, value) => {
      let bitmap = 0;
      for (const flag of value) bitmap += flag.startsWith('0x') ? Number(flag) : (table[flag] ?? 0);
      base.encode(writer, bitmap);
    },
    toJson: (value) => [...value],
    fromJson: (json, path) => {
      if (!Array.isArray(json)) throw malformed(path, 'must be a list of flags');
      let bitmap = 0n;
      json.forEach((flag: unknown, index) => {
        const bit =
          typeof flag === 'string' && Object.hasOwn(table, flag)
            ? BigInt(table[flag] ?? 0)
            : typeof flag === 'string' && flag.startsWith('0x')
              ? bigOf(flag, `${path}/${index}`, width)
              : undefined;
        if (bit === undefined) throw malformed(`${path}/${index}`, `must be one of ${Object.keys(table).join(', ')}, or a bit as 0x…`);
        bitmap |= bit;
      });
      return listOf(Number(bitmap));
    },
  };
}

/** A different shape per version. */
export function byVersion<A, B = A, C = B>(shape13: Shape<A>, shape14: Shape<B>, shape15: Shape<C>): Shape<A | B | C> {
  type T = A | B | C;
  const of = (version: number): Shape<T> => (version === 4 ? shape13 : version === 5 ? shape14 : shape15);
  return {
    decode: (reader) => of(reader.version).decode(reader),
    encode: (writer, value) => of(writer.version).encode(writer, value),
    toJson: (value, version) => of(version).toJson(value, version),
    fromJson: (json, path, version) => of(version).fromJson(json, path, version),
  };
}

export type { Reader, Version, Writer };
