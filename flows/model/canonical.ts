import { fieldOf, isFieldName } from './field.ts';

/**
 * Canonical text of a domain value: keys sorted, absent members left out, bigint marked, a field under its OXM name and a move of
 * bits as `copy_field` (a switch may answer with NXM's spelling; on 1.4 Open vSwitch answers `copy_field` with Nicira's `move`).
 * Equal text means equal values. Used for equality and hashes inside one process; it is no wire format.
 */
export function canonical(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, member]) => `${key}:${canonical(spelling(key, member))}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

function spelling(key: string, member: unknown): unknown {
  if (key === 'kind') return member === 'reg_move' ? 'copy_field' : member;
  return key === 'field' && typeof member === 'string' && isFieldName(member) ? (fieldOf(member).aliasOf ?? member) : member;
}

/** Equal member by member, in the same order. What is not identical may still be equal in its canonical text. */
export function identical(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((member, index) => identical(member, b[index]));
  const members = b as Readonly<Record<string, unknown>>;
  let count = 0;
  for (const [key, member] of Object.entries(a)) {
    if (!identical(member, members[key])) return false;
    count++;
  }
  return count === Object.keys(members).length;
}
