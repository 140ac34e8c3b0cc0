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

/** A field as its key spells it: under the name of the field that it is another spelling of. */
interface Spelling {
  readonly index: number;
  readonly prefix: string;
  readonly full: number | bigint;
}

const spellings = new Map<FieldName, Spelling>(
  fields.map((field) => {
    const { index, name } = field.aliasOf === undefined ? field : fieldOf(field.aliasOf);
    return [field.name, { index, prefix: `${name}=`, full: field.full }];
  }),
);

/** Text of one condition; empty when it holds for every packet. Bits above the field's width do not count. */
function keyPart({ prefix, full }: Spelling, { value, mask }: FieldMatch): string {
  // Most conditions are exact and in range: two comparisons instead of arithmetic on bigints.
  if ((mask === undefined || mask === full) && value <= full && value >= 0) return prefix + value.toString(16);
  const whole = BigInt(full);
  const bits = mask === undefined ? whole : BigInt(mask) & whole;
  if (bits === 0n) return '';
  const text = prefix + (BigInt(value) & bits).toString(16);
  return bits === whole ? text : `${text}/${bits.toString(16)}`;
}

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

/**
 * A canonical key: equal for matches that Open vSwitch takes for equal. Order does not count, a full mask equals none, a zero
 * mask equals absence, bits of a value outside of its mask do not count, NXM's spelling equals OXM's, and an extended register
 * equals the registers that it covers.
 */
export function matchKey(match: Match): string {
  const indices: number[] = [];
  const texts: string[] = [];
  for (const condition of spelledOut(match)) {
    let index: number;
    let text: string;
    if (isOpaque(condition)) {
      index = 100_000 + condition.class * 256 + condition.number;
      text = `oxm:${condition.class}:${condition.number}:${condition.hasmask ? 1 : 0}=${condition.bytes}`;
    } else {
      const spelling = spellings.get(condition.field);
      if (!spelling) throw new Error(`invariant broken: no match field is called ${condition.field}`);
      index = spelling.index;
      text = keyPart(spelling, condition);
      if (text === '') continue;
    }
    // Few and nearly in order: the place is found from the end.
    let at = indices.length;
    while (at > 0 && isBehind(indices[at - 1] ?? 0, texts[at - 1] ?? '', index, text)) {
      indices[at] = indices[at - 1] ?? 0;
      texts[at] = texts[at - 1] ?? '';
      at--;
    }
    indices[at] = index;
    texts[at] = text;
  }
  return texts.join(',');
}

function isBehind(index: number, text: string, otherIndex: number, otherText: string): boolean {
  return index > otherIndex || (index === otherIndex && text > otherText);
}
