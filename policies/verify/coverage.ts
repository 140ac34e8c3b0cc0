import { intersection, overlap, subtract } from './box.ts';
import type { Box } from './box.ts';
import { strangeBox } from './label-box.ts';

/** One part of what stands before a rule, in the order in which packets meet it. */
export interface Before<T> {
  readonly rule: T;
  readonly box: Box;
  /** A packet in the box is decided here, so that it never reaches what is behind. */
  readonly decides: boolean;
  /** Where a packet goes on that may leave its tier here; undefined: it does not. */
  readonly leavesTo: number | undefined;
}

/** `uncovered`: a part that is reached. `unknown`: too many cases, nothing is claimed. */
export type Coverage<T> =
  | { readonly kind: 'covered'; readonly by: ReadonlySet<T> }
  | { readonly kind: 'uncovered'; readonly witness: Box }
  | { readonly kind: 'unknown' };

/** Cases that are looked at for one rule. */
const casesMax = 500;

/**
 * Whether every packet of the boxes is decided before it comes through: follows one packet after the other through what stands before,
 * cutting what is left into boxes, and ends at the first that comes through. Exact unless it answers `unknown`; `by` are those
 * that decide at least one packet.
 */
export function coverageOf<T>(boxes: readonly Box[], before: readonly Before<T>[]): Coverage<T> {
  const by = new Set<T>();
  let casesLeft = casesMax;
  const reach = (box: Box, from: number): Box | 'unknown' | undefined => {
    for (let at = from; at < before.length; at++) {
      const entry = before[at];
      if (entry === undefined || !overlap(box, entry.box)) continue;
      if (--casesLeft < 0) return 'unknown';
      const { rule, decides, leavesTo } = entry;
      if (leavesTo !== undefined) {
        const leaving = intersection(box, entry.box);
        const through = leaving && reach(leaving, leavesTo);
        if (through !== undefined) return through;
        if (!decides) continue;
      } else by.add(rule);
      for (const piece of subtract(box, entry.box)) {
        const through = reach(piece, at + 1);
        if (through !== undefined) return through;
      }
      return undefined;
    }
    return box;
  };
  for (const box of boxes) {
    // Most rules are reached by something that no rule before them names: that is tried first, one case for each rule that has it too.
    const strange = strangest(box, before);
    const through = reach(strange, 0) ?? reach(box, 0);
    if (through === 'unknown') return { kind: 'unknown' };
    if (through !== undefined) return { kind: 'uncovered', witness: through };
  }
  return { kind: 'covered', by };
}

/** A part of the box in which labels that somebody names have values that nobody names, and the service is the last one. */
function strangest<T>(box: Box, before: readonly Before<T>[]): Box {
  const locals = new Set<string>();
  const insides = new Set<string>();
  for (const entry of before) {
    for (const key of entry.box.local.keys()) locals.add(key);
    for (const key of entry.box.inside?.keys() ?? []) insides.add(key);
  }
  const last = box.services.at(-1) ?? 0;
  return { ...box, local: strangeBox(box.local, locals), inside: box.inside && strangeBox(box.inside, insides), services: [last, last] };
}

/** A part of the witness that these do not decide either. */
export function stillUncovered(witness: Box, deciding: readonly Box[]): Box | undefined {
  let rest: Box | undefined = witness;
  for (const box of deciding) {
    if (rest === undefined) return undefined;
    if (overlap(rest, box)) rest = subtract(rest, box)[0];
  }
  return rest;
}
