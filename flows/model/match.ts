import { fieldOf, fields } from './field.ts';
import type { Field, FieldName } from './field.ts';

/**
 * One condition. `value` and `mask` are `bigint` for fields wider than 48 bits (`Field.wide`) and `number` otherwise.
 * Without a mask the whole field must be equal. `bytes` is the payload's length of a Geneve option, and of no other field.
 */
export interface FieldMatch {
  readonly field: FieldName;
  readonly value: number | bigint;
  readonly mask?: number | bigint;
  readonly bytes?: number;
}

/** A condition on a field that this codec has no row for; it is sent again as it came. `bytes` is the payload in hexadecimal. */
export interface OpaqueMatch {
  readonly field: 'oxm';
  readonly class: number;
  readonly number: number;
  readonly hasmask: boolean;
  readonly bytes: string;
}

export type MatchField = FieldMatch | OpaqueMatch;

/** Conditions in the order of the wire: OpenFlow wants prerequisites (`eth_type`) before what needs them. */
export type Match = readonly MatchField[];

export function isOpaque(condition: MatchField): condition is OpaqueMatch {
  return condition.field === 'oxm';
}

/** A field as its key spells it: under the place of the field that it is another spelling of. */
interface Spelling {
  readonly index: number;
  readonly full: number | bigint;
  /** Of 16 bits each; 0 for a Geneve option, whose length varies. */
  readonly units: number;
}

const spellings = new Map<FieldName, Spelling>(
  fields.map((field) => {
    const { index } = field.aliasOf === undefined ? field : fieldOf(field.aliasOf);
    return [field.name, { index, full: field.full, units: field.variable ? 0 : Math.ceil(field.widthBits / 16) }];
  }),
);

const registers: readonly Field[] = Array.from({ length: 16 }, (_, index) => fieldOf(`reg${index}` as FieldName));

/** The 32-bit registers that an extended register covers, from its highest bits to its lowest (ovs-fields(7)). */
const covered = new Map<FieldName, readonly Field[]>([
  ...Array.from({ length: 8 }, (_, index) => [`xreg${index}` as FieldName, registers.slice(index * 2, index * 2 + 2)] as const),
  ...Array.from({ length: 4 }, (_, index) => [`xxreg${index}` as FieldName, registers.slice(index * 4, index * 4 + 4)] as const),
]);

/** Extended registers as the registers that they cover: Open vSwitch lists `reg` as `xreg` on OpenFlow 1.5 and `xxreg` as `reg` or `xreg`. */
function spelledOut(match: Match): Match {
  if (!match.some((condition) => condition.field.startsWith('x'))) return match;
  return match.flatMap((condition): MatchField[] => {
    const parts = isOpaque(condition) ? undefined : covered.get(condition.field);
    if (!parts || isOpaque(condition)) return [condition];
    const value = BigInt(condition.value);
    const mask = BigInt(condition.mask ?? fieldOf(condition.field).full);
    return parts.map((part, index) => {
      const shift = BigInt((parts.length - 1 - index) * 32);
      return { field: part.name, value: Number(BigInt.asUintN(32, value >> shift)), mask: Number(BigInt.asUintN(32, mask >> shift)) };
    });
  });
}

/** What a field must be equal to, however the match spells it; undefined when it need not, or not all of it. */
export function exactValueOf(match: Match, field: FieldName): number | bigint | undefined {
  for (const condition of spelledOut(match)) {
    if (isOpaque(condition) || condition.field !== field) continue;
    if (condition.mask === undefined || condition.mask === fieldOf(field).full) return condition.value;
  }
  return undefined;
}

/** Marks the place of a field whose value is masked, and of a condition that is spelled as text. */
const maskedPlace = 0x8000;
const textPlace = 0xffff;

/** Scratch of one key; nothing of it outlives a call. */
const units: number[] = [];
const places: number[] = [];
const ordered: (FieldMatch | OpaqueMatch)[] = [];

/**
 * A canonical key: equal for matches that Open vSwitch takes for equal. Order does not count, a full mask equals none, a zero
 * mask equals absence, bits of a value outside of its mask do not count, NXM's spelling equals OXM's, and an extended register
 * equals the registers that it covers. It is made of 16-bit units, for maps and not for people.
 */
export function matchKey(match: Match): string {
  units.length = 0;
  spellMatch(match);
  return keyOfUnits(units);
}

/** The key of a match behind the table and the priority. */
export function placedMatchKey(tableId: number, priority: number, match: Match): string {
  return keyOfUnits(placedMatchUnits(tableId, priority, match));
}

/** The table of a flow with that key. */
export const tableOfKey = (key: string): number => key.charCodeAt(0);

/** The units of that key; good until the next key is made. */
export function placedMatchUnits(tableId: number, priority: number, match: Match): readonly number[] {
  units.length = 2;
  units[0] = tableId;
  units[1] = priority;
  spellMatch(match);
  return units;
}

export const keyOfUnits = (spelled: readonly number[]): string => String.fromCharCode(...spelled);

function spellMatch(match: Match): void {
  places.length = 0;
  ordered.length = 0;
  for (const condition of spelledOut(match)) {
    const place = isOpaque(condition) ? 100_000 + condition.class * 256 + condition.number : spellingOf(condition).index;
    // Few and nearly in order: the place is found from the end.
    let at = places.length;
    while (at > 0 && (places[at - 1] ?? 0) > place) {
      places[at] = places[at - 1] ?? 0;
      ordered[at] = ordered[at - 1] ?? condition;
      at--;
    }
    places[at] = place;
    ordered[at] = condition;
  }
  for (const condition of ordered) {
    if (isOpaque(condition)) spellText(`oxm:${condition.class}:${condition.number}:${condition.hasmask ? 1 : 0}=${condition.bytes}`);
    else spellField(spellingOf(condition), condition);
  }
}

function spellingOf({ field }: FieldMatch): Spelling {
  const spelling = spellings.get(field);
  if (!spelling) throw new Error(`invariant broken: no match field is called ${field}`);
  return spelling;
}

function spellField(spelling: Spelling, { value, mask }: FieldMatch): void {
  const { index, full } = spelling;
  // Most conditions are exact and in range: two comparisons instead of arithmetic on bigints.
  if ((mask === undefined || mask === full) && value <= full && value >= 0) return spellValue(spelling, index, value);
  const whole = BigInt(full);
  const bits = mask === undefined ? whole : BigInt(mask) & whole;
  if (bits === 0n) return;
  if (bits === whole) return spellValue(spelling, index, BigInt(value) & bits);
  spellValue(spelling, index | maskedPlace, BigInt(value) & bits);
  spellValue(spelling, index | maskedPlace, bits);
}

function spellValue(spelling: Spelling, place: number, value: number | bigint): void {
  if (spelling.units === 0) return spellText(`${place}=${value.toString(16)}`);
  units.push(place);
  spellInto(units, units.length, spelling.units, value);
}

/** Writes a value of `count` units from `at` on. */
export function spellInto(into: number[], at: number, count: number, value: number | bigint): void {
  if (count > 3 || typeof value === 'bigint') {
    value = BigInt(value);
    for (; count > 3; count--) into[at++] = Number((value >> BigInt((count - 1) * 16)) & 0xffffn);
    value = Number(BigInt.asUintN(48, value));
  }
  if (count > 2) into[at++] = Math.floor(value / 0x1_0000_0000);
  if (count > 1) into[at++] = (value >>> 16) & 0xffff;
  into[at] = value & 0xffff;
}

function spellText(text: string): void {
  units.push(textPlace, text.length);
  for (let at = 0; at < text.length; at++) units.push(text.charCodeAt(at));
}
