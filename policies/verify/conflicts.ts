import { drop } from './bits.ts';
import type { Bits } from './bits.ts';
import type { Conflict } from './findings.ts';
import { relationOf } from './relation.ts';
import type { RuleIndex } from './rule-index.ts';
import { compareRanks, nameOf } from './rule-record.ts';
import type { RuleRecord } from './rule-record.ts';

/**
 * The counted rules that a rule of the same scope, counted or not, in the index or not, is in conflict with: those that say the opposite
 * of a packet, where that is not simply the exception to a wider rule of another order.
 */
export function conflictsWith(rule: RuleRecord, index: RuleIndex): Bits {
  const found = index.opposing(rule);
  for (const nested of [index.containing(rule.space, found), index.within(rule.space, found)]) {
    for (const other of index.ofBits(nested)) if (other.rank.order === rule.rank.order) drop(nested, index.slotOf(other));
    for (let word = 0; word < found.length; word++) found[word]! &= ~nested[word]!;
  }
  return found;
}

/** Of the rules, in their order, the first conflicts, each pair once. To be run to its end, with a rule between one yield and the next. */
export function* listConflicts(
  rules: Iterable<RuleRecord>,
  indexOf: (rule: RuleRecord) => RuleIndex,
  max: number,
): Generator<undefined, readonly Conflict[]> {
  const found: Conflict[] = [];
  const listed = new Set<RuleRecord>();
  for (const rule of rules) {
    if (found.length >= max) break;
    if (rule.conflicts === 0) continue;
    const index = indexOf(rule);
    const others = [...index.ofBits(conflictsWith(rule, index))].filter((other) => !listed.has(other));
    for (const other of others.toSorted((a, b) => compareRanks(a.rank, b.rank))) {
      if (found.length >= max) return found;
      found.push(conflictOf(rule, other));
    }
    listed.add(rule);
    yield;
  }
  return found;
}

function conflictOf(a: RuleRecord, b: RuleRecord): Conflict {
  const [first, second] = compareRanks(a.rank, b.rank) < 0 ? [a, b] : [b, a];
  return {
    first: nameOf(first),
    second: nameOf(second),
    decidedBy: first.rank.order === second.rank.order ? 'name' : 'order',
    basis: relationOf(first.space, second.space)?.overlap ?? 'meaning',
  };
}
