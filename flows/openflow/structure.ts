import { DecodeError } from '../../src/base/errors.ts';
import { malformed, objectOf, u16 } from './shape.ts';
import type { Json, Reader, Shape, Writer } from './shape.ts';

/** A named part of a structure. Padding, lengths and sizes are parts too, without a value of their own. */
export interface Member<N extends string, T> {
  readonly role: 'value' | 'pad' | 'length' | 'size' | 'matchLength';
  readonly name: N;
  readonly shape: Shape<T>;
  /** Bytes of padding. */
  readonly count: number;
}

const none: Shape<undefined> = { decode: () => undefined, encode: () => undefined, toJson: () => null, fromJson: () => undefined };

export function field<const N extends string, T>(name: N, shape: Shape<T>): Member<N, T> {
  return { role: 'value', name, shape, count: 0 };
}

/** Zeros when sent, not looked at when received. */
export function pad(count: number): Member<'', undefined> {
  return { role: 'pad', name: '', shape: none, count };
}

/** 16 bits with the length of the whole structure, which bounds all that follows. */
export const length16: Member<'', undefined> = { role: 'length', name: '', shape: none, count: 2 };

/** 16 bits with the size of the member `of`, which bounds it. */
export function size16<const N extends string>(
  of: N,
): { readonly role: 'size'; readonly name: N; readonly shape: Shape<undefined>; readonly count: 0; readonly sizeOnly: true } {
  return { role: 'size', name: of, shape: none, count: 0, sizeOnly: true };
}

/** 16 bits with the length of the member `match` as its own header has it, without padding. */
export const matchLength16: Member<'', undefined> = { role: 'matchLength', name: '', shape: none, count: 2 };

/** A shape of whatever value: what `Shape<T>` has in common for every T. */
interface AnyShape {
  decode(reader: Reader): unknown;
  encode(writer: Writer, value: never): void;
  toJson(value: never, version: number): Json;
  fromJson(json: unknown, path: string, version: number): unknown;
}

type AnyMember = {
  readonly role: 'value' | 'pad' | 'length' | 'size' | 'matchLength';
  readonly name: string;
  readonly shape: AnyShape;
  readonly count: number;

  readonly sizeOnly?: true;
};

export type StructureOf<M extends readonly AnyMember[]> = {
  readonly [F in M[number] as F extends { readonly sizeOnly: true } ? never : Exclude<F['name'], ''>]: F['shape'] extends Shape<infer T>
    ? T
    : never;
};

interface Loose {
  readonly role: 'value' | 'pad' | 'length' | 'size' | 'matchLength';
  readonly name: string;
  readonly shape: Shape<unknown>;
  readonly count: number;
}

function decodeMembers(members: readonly Loose[], reader: Reader, start: number): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const sizes = new Map<string, number>();
  let outer = -1;
  for (const { role, name, shape, count } of members) {
    if (role === 'pad') reader.skip(count);
    else if (role === 'length') outer = reader.narrow(start, reader.u16());
    else if (role === 'size') sizes.set(name, reader.u16());
    else if (role === 'matchLength') reader.skip(2);
    else {
      const size = sizes.get(name);
      if (size === undefined) value[name] = shape.decode(reader);
      else {
        const before = reader.narrow(reader.offset, size);
        value[name] = shape.decode(reader);
        reader.widen(before);
      }
    }
  }
  if (outer >= 0) reader.widen(outer);
  return value;
}

function encodeMembers(members: readonly Loose[], writer: Writer, value: Readonly<Record<string, unknown>>, start: number): void {
  const sizes = new Map<string, number>();
  let lengthAt = -1;
  let matchLengthAt = -1;
  for (const { role, name, shape, count } of members) {
    if (role === 'pad') writer.zeros(count);
    else if (role === 'length') {
      lengthAt = writer.length;
      writer.u16(0);
    } else if (role === 'size') {
      sizes.set(name, writer.length);
      writer.u16(0);
    } else if (role === 'matchLength') {
      matchLengthAt = writer.length;
      writer.u16(0);
    } else {
      const from = writer.length;
      shape.encode(writer, value[name]);
      if (name === 'match' && matchLengthAt >= 0) writer.patch16(matchLengthAt, writer.at16(from + 2));
      const sizeAt = sizes.get(name);
      if (sizeAt !== undefined) writer.patch16(sizeAt, writer.length - from);
    }
  }
  if (lengthAt >= 0) writer.patch16(lengthAt, writer.length - start);
}

/** Members one after the other. */
export function structure<const M extends readonly AnyMember[]>(...declared: M): Shape<StructureOf<M>> {
  const members = declared as unknown as readonly Loose[];
  const values = members.filter((member) => member.role === 'value');
  return {
    decode: (reader) => decodeMembers(members, reader, reader.offset) as StructureOf<M>,
    encode: (writer, value) => encodeMembers(members, writer, value, writer.length),
    toJson: (value, version) => {
      const given = value as Readonly<Record<string, unknown>>;
      return Object.fromEntries(values.map(({ name, shape }) => [name, shape.toJson(given[name], version)]));
    },
    fromJson: (json, path, version) => {
      const given = objectOf(json, path);
      return Object.fromEntries(
        values.map(({ name, shape }) => {
          if (given[name] === undefined) throw malformed(`${path}/${name}`, 'is missing');
          return [name, shape.fromJson(given[name], `${path}/${name}`, version)];
        }),
      ) as StructureOf<M>;
    },
  };
}

/** Elements up to the end. */
export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return {
    decode: (reader) => {
      const elements: T[] = [];
      while (reader.left > 0) {
        const before = reader.offset;
        elements.push(shape.decode(reader));
        if (reader.offset === before) throw new DecodeError('bad_length', before, 'an element of a list has no length');
      }
      return elements;
    },
    encode: (writer, value) => {
      for (const element of value) shape.encode(writer, element);
    },
    toJson: (value, version) => value.map((element) => shape.toJson(element, version)),
    fromJson: (json, path, version) => {
      if (!Array.isArray(json)) throw malformed(path, 'must be a list');
      return json.map((element, index) => shape.fromJson(element, `${path}/${index}`, version));
    },
  };
}

/** As many elements as declared. */
export function array<T>(shape: Shape<T>, count: number): Shape<readonly T[]> {
  const whole = list(shape);
  return {
    ...whole,
    decode: (reader) => Array.from({ length: count }, () => shape.decode(reader)),
    fromJson: (json, path, version) => {
      if (!Array.isArray(json) || json.length !== count) throw malformed(path, `must be a list of ${count}`);
      return whole.fromJson(json, path, version);
    },
  };
}

/** Absent when nothing is left, `null` in JSON. */
export function optional<T>(shape: Shape<T>): Shape<T | null> {
  return {
    decode: (reader) => (reader.left === 0 ? null : shape.decode(reader)),
    encode: (writer, value) => {
      if (value !== null) shape.encode(writer, value);
    },
    toJson: (value, version) => (value === null ? null : shape.toJson(value, version)),
    fromJson: (json, path, version) => (json === null ? null : shape.fromJson(json, path, version)),
  };
}

/** A shape for what has no bytes. */
export const empty: Shape<Readonly<Record<string, never>>> = {
  decode: () => ({}),
  encode: () => undefined,
  toJson: () => ({}),
  fromJson: () => ({}),
};

/** Kept as bytes: type and data of a property that is not known. */
export interface OpaqueProperty {
  readonly type: number;
  readonly data: Uint8Array;
}

interface Variant {
  readonly number: number;
  readonly body: AnyShape;
}

/** A property as an object: its name as `type`, and its members. */
export type PropertyOf<V extends Readonly<Record<string, Variant>>> =
  | { [N in keyof V & string]: { readonly type: N } & (V[N]['body'] extends Shape<infer T> ? T : never) }[keyof V & string]
  | OpaqueProperty;

/**
 * Type, length, contents and padding to a multiple of 8 that the length does not count (OpenFlow 1.5.1 section 7.1.2, "property").
 * What has no declared variant, or another size than declared, is kept as bytes.
 */
export function property<const V extends Readonly<Record<string, Variant>>>(
  variants: V,
  options: { readonly padded: boolean } = { padded: true },
): Shape<PropertyOf<V>> {
  type Loosely = { readonly type: string | number; readonly data: Uint8Array } & Record<string, unknown>;
  const entries = Object.entries(variants) as unknown as [string, { readonly number: number; readonly body: Shape<unknown> }][];
  const byNumber = new Map(entries.map(([name, variant]) => [variant.number, { name, body: variant.body }]));
  const shape: Shape<Loosely> = {
    decode: (reader) => {
      const start = reader.offset;
      const type = reader.u16();
      const outer = reader.narrow(start, reader.u16());
      const contents = reader.offset;
      const variant = byNumber.get(type);
      let value: Loosely | undefined;
      if (variant) value = decodeExactly(reader, variant.name, variant.body);
      if (value === undefined) {
        reader.offset = contents;
        value = { type, data: reader.take(reader.left) };
      }
      reader.widen(outer);
      if (options.padded) reader.align8(start);
      return value;
    },
    encode: (writer, value) => {
      const start = writer.length;
      const variant = typeof value.type === 'string' ? variants[value.type] : undefined;
      writer.u16(variant ? variant.number : Number(value.type));
      writer.u16(0);
      if (variant) (variant.body as unknown as Shape<unknown>).encode(writer, value);
      else writer.raw(value.data);
      writer.patch16(start + 2, writer.length - start);
      if (options.padded) writer.align8(start);
    },
    toJson: (value, version) => {
      const variant = typeof value.type === 'string' ? variants[value.type] : undefined;
      if (variant)
        return { type: value.type, ...((variant.body as unknown as Shape<unknown>).toJson(value, version) as Record<string, Json>) };
      return { type: value.type, data: Buffer.from(value.data).toString('hex') };
    },
    fromJson: (json, path, version) => propertyFromJson(entries, json, path, version) as Loosely,
  };
  return shape as unknown as Shape<PropertyOf<V>>;
}

/** The variant's value, or nothing when its contents are shorter or longer than declared. */
function decodeExactly(
  reader: Reader,
  name: string,
  body: Shape<unknown>,
): ({ readonly type: string; readonly data: Uint8Array } & Record<string, unknown>) | undefined {
  const { end } = reader;
  try {
    const value = body.decode(reader) as Record<string, unknown> & { readonly data: Uint8Array };
    return reader.left === 0 ? { type: name, ...value } : undefined;
  } catch (error) {
    if (error instanceof DecodeError && error.code === 'truncated') {
      reader.end = end;
      return undefined;
    }
    throw error;
  }
}

function propertyFromJson(
  entries: readonly [string, { readonly body: Shape<unknown> }][],
  json: unknown,
  path: string,
  version: number,
): Record<string, unknown> {
  const given = objectOf(json, path);
  const entry = entries.find(([name]) => name === given['type']);
  if (entry) return { type: entry[0], ...(entry[1].body.fromJson(json, path, version) as Record<string, unknown>) };
  const data = given['data'];
  if (typeof data !== 'string' || !/^([0-9a-f]{2})*$/i.test(data))
    throw malformed(`${path}/data`, `must be hexadecimal bytes, or type one of ${entries.map(([name]) => name).join(', ')}`);
  return { type: u16.fromJson(given['type'], `${path}/type`, version), data: new Uint8Array(Buffer.from(data, 'hex')) };
}

/** A variant of `property`. */
export function variant<T>(number: number, body: Shape<T>): { readonly number: number; readonly body: Shape<T> } {
  return { number, body };
}
