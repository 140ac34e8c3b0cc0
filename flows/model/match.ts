import { fieldOf } from './field.ts';
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

/** Text of one condition; empty when it holds for every packet. Bits above the field's width do not count. */
function keyPart(field: Field, condition: FieldMatch): string {
  const full = BigInt(field.full);
  const mask = condition.mask === undefined ? full : BigInt(condition.mask) & full;
  if (mask === 0n) return '';
  const value = (BigInt(condition.value) & mask).toString(16);
  return mask === full ? `${field.name}=${value}` : `${field.name}=${value}/${mask.toString(16)}`;
}

/**
 * A canonical key: equal for matches that Open vSwitch takes for equal. Order does not count, a full mask equals none, a zero
 * mask equals absence, bits of a value outside of its mask do not count, and NXM's spelling equals OXM's.
 */
export function matchKey(match: Match): string {
  const parts: { index: number; text: string }[] = [];
  for (const condition of match) {
    if (isOpaque(condition)) {
      parts.push({
        index: 100_000 + condition.class * 256 + condition.number,
        text: `oxm:${condition.class}:${condition.number}:${condition.hasmask ? 1 : 0}=${condition.bytes}`,
      });
      continue;
    }
    const named = fieldOf(condition.field);
    const field = named.aliasOf === undefined ? named : fieldOf(named.aliasOf);
    const text = keyPart(field, condition);
    if (text !== '') parts.push({ index: field.index, text });
  }
  parts.sort((a, b) => a.index - b.index || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  return parts.map((part) => part.text).join(',');
}
