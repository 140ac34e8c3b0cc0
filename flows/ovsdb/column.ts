import { WeirError } from '../../src/base/errors.ts';
import { excerpt, isJsonArray } from './json.ts';
import type { JsonArray, JsonValue } from './json.ts';

/** Row identity, lower case, as the server writes it. */
export type Uuid = string & { readonly brand?: 'Uuid' };

export type AtomKind = 'string' | 'integer' | 'boolean' | 'uuid';
export type Atom = string | number | bigint | boolean;

/**
 * Type of a column (RFC 7047 section 3.2) as we use it. `scalar`: exactly one value. `optional`: none or one.
 * `set`: any number. `map`: key-value pairs.
 */
export type ColumnType =
  | { readonly kind: 'scalar' | 'optional' | 'set'; readonly key: AtomKind }
  | { readonly kind: 'map'; readonly key: AtomKind; readonly value: AtomKind };

/** An integer is a bigint only outside the safe range. */
type AtomOf<K extends AtomKind> = K extends 'integer' ? number | bigint : K extends 'boolean' ? boolean : K extends 'uuid' ? Uuid : string;

/** A column's decoded value. Sets and maps are ordered by their atoms, so that equal values look equal. */
export type ValueOf<T extends ColumnType> = T extends { kind: 'map'; key: infer K extends AtomKind; value: infer V extends AtomKind }
  ? ReadonlyMap<AtomOf<K>, AtomOf<V>>
  : T extends { kind: 'scalar'; key: infer K extends AtomKind }
    ? AtomOf<K>
    : T extends { kind: 'optional'; key: infer K extends AtomKind }
      ? AtomOf<K> | undefined
      : T extends { kind: 'set'; key: infer K extends AtomKind }
        ? readonly AtomOf<K>[]
        : never;

export type Value = Atom | undefined | readonly Atom[] | ReadonlyMap<Atom, Atom>;

export const scalar = <const K extends AtomKind>(key: K) => ({ kind: 'scalar', key }) as const;
export const optional = <const K extends AtomKind>(key: K) => ({ kind: 'optional', key }) as const;
export const set = <const K extends AtomKind>(key: K) => ({ kind: 'set', key }) as const;
export const map = <const K extends AtomKind, const V extends AtomKind>(key: K, value: V) => ({ kind: 'map', key, value }) as const;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const zeroUuid: Uuid = '00000000-0000-0000-0000-000000000000';

export function isUuid(text: unknown): text is Uuid {
  return typeof text === 'string' && uuidPattern.test(text);
}

function malformed(wanted: string, json: JsonValue): never {
  throw new WeirError('ovsdb-malformed', `${excerpt(json)} is no ${wanted}`);
}

/** RFC 7047 section 5.1: `["tag", …]` without its tag, undefined for anything else. */
function tagged(json: JsonValue, tag: string): JsonArray | undefined {
  return isJsonArray(json) && json[0] === tag ? json.slice(1) : undefined;
}

export function decodeAtom(kind: AtomKind, json: JsonValue): Atom {
  switch (kind) {
    case 'string':
      return typeof json === 'string' ? json : malformed(kind, json);
    case 'boolean':
      return typeof json === 'boolean' ? json : malformed(kind, json);
    case 'integer':
      return typeof json === 'bigint' || Number.isSafeInteger(json) ? (json as number | bigint) : malformed(kind, json);
    case 'uuid': {
      const [uuid, ...rest] = tagged(json, 'uuid') ?? [];
      return isUuid(uuid) && rest.length === 0 ? uuid : malformed(kind, json);
    }
  }
}

function compareAtoms(a: Atom, b: Atom): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function decodeAtoms(kind: AtomKind, json: JsonValue): Atom[] {
  const list = tagged(json, 'set');
  if (!list) return [decodeAtom(kind, json)];
  if (list.length !== 1 || !isJsonArray(list[0])) malformed('set', json);
  const atoms = list[0].map((atom) => decodeAtom(kind, atom)).toSorted(compareAtoms);
  if (atoms.some((atom, index) => index > 0 && atom === atoms[index - 1])) malformed('set without repetition', json);
  return atoms;
}

function sortedMap(entries: Iterable<readonly [Atom, Atom]>): ReadonlyMap<Atom, Atom> {
  return new Map([...entries].toSorted((a, b) => compareAtoms(a[0], b[0])));
}

function decodeMap(key: AtomKind, value: AtomKind, json: JsonValue): ReadonlyMap<Atom, Atom> {
  const [pairs, ...rest] = tagged(json, 'map') ?? [];
  if (!isJsonArray(pairs) || rest.length > 0) malformed('map', json);
  const decoded = sortedMap(
    pairs.map((pair) => {
      if (!isJsonArray(pair) || pair.length !== 2) malformed('pair of a map', pair);
      return [decodeAtom(key, pair[0] ?? null), decodeAtom(value, pair[1] ?? null)] as const;
    }),
  );
  return decoded.size === pairs.length ? decoded : malformed('map without a repeated key', json);
}

/**
 * A column's value from the wire (RFC 7047 section 5.1, `<value>`).
 * @throws WeirError `ovsdb-malformed` when it is not of the type.
 */
export function decodeValue(type: ColumnType, json: JsonValue): Value {
  if (type.kind === 'map') return decodeMap(type.key, type.value, json);
  const atoms = decodeAtoms(type.key, json);
  if (type.kind === 'set') return atoms;
  if (atoms.length > 1 || (type.kind === 'scalar' && atoms.length === 0)) malformed(`${type.kind} ${type.key}`, json);
  return atoms[0];
}

/** What a column holds when an `initial` or `insert` update leaves it out (ovsdb-server(7) section 4.1.14). */
export function defaultValue(type: ColumnType): Value {
  if (type.kind === 'map') return new Map();
  if (type.kind === 'set') return [];
  if (type.kind === 'optional') return undefined;
  return { string: '', integer: 0, boolean: false, uuid: zeroUuid }[type.key];
}

/**
 * The new value from the old one and the difference that a `modify` update carries (ovsdb-server(7) section 4.1.14):
 * the new value where there is at most one, else what belongs to only one side, and the new value of changed keys.
 */
export function applyDifference(type: ColumnType, before: Value, json: JsonValue): Value {
  const difference = decodeValue(type, json);
  if (difference instanceof Map && before instanceof Map) {
    const merged = new Map<Atom, Atom>(before);
    for (const [key, value] of difference) {
      if (merged.get(key) === value) merged.delete(key);
      else merged.set(key, value);
    }
    return sortedMap(merged);
  }
  if (Array.isArray(difference) && Array.isArray(before)) {
    const merged = new Set<Atom>(before);
    for (const atom of difference as readonly Atom[]) if (!merged.delete(atom)) merged.add(atom);
    return [...merged].toSorted(compareAtoms);
  }
  return difference;
}

export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((atom, index) => atom === b[index]);
  if (a instanceof Map && b instanceof Map) return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
  return false;
}

/** A reference to a row: one that stands, or one that the same transaction inserts under this name. */
export interface NamedUuid {
  readonly namedUuid: string;
}

/** What a transaction may write: as `Value`, plus rows that do not stand yet; a plain object does for a map of strings. */
export type Writable = Value | NamedUuid | readonly (Atom | NamedUuid)[] | Readonly<Record<string, string>>;

function isNamedUuid(value: unknown): value is NamedUuid {
  return typeof value === 'object' && value !== null && 'namedUuid' in value && Object.keys(value).length === 1;
}

function encodeAtom(kind: AtomKind, atom: Atom | NamedUuid): JsonValue {
  if (isNamedUuid(atom)) return ['named-uuid', atom.namedUuid];
  return kind === 'uuid' ? ['uuid', atom] : atom;
}

/** The wire form of a value; never fails for a value of the type. */
export function encodeValue(type: ColumnType, value: Writable): JsonValue {
  if (type.kind === 'map') {
    const entries = value instanceof Map ? [...(value as ReadonlyMap<Atom, Atom>)] : Object.entries(value as Record<string, string>);
    return ['map', entries.map(([key, entry]) => [encodeAtom(type.key, key), encodeAtom(type.value, entry)])];
  }
  if (value === undefined) return ['set', []];
  if (Array.isArray(value)) return ['set', (value as readonly (Atom | NamedUuid)[]).map((atom) => encodeAtom(type.key, atom))];
  return encodeAtom(type.key, value as Atom | NamedUuid);
}
