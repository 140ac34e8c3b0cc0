import { instructionsKey } from '../model/index.ts';
import type { Flow } from '../model/index.ts';

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => same(item, b[index]));
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => same(left[key], right[key]));
}

/**
 * Whether two flows under one key do the same: cookie and instructions. Nearly all flows that are equal are so member by member,
 * which is ten times faster to see than by canonical text; that decides the rest.
 */
export function sameFlow(a: Flow, b: Flow): boolean {
  if (a === b) return true;
  return (
    a.cookie === b.cookie && (same(a.instructions, b.instructions) || instructionsKey(a.instructions) === instructionsKey(b.instructions))
  );
}
