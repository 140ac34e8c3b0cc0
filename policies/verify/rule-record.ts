import type { Direction, RuleAction, Tier } from '../compiled.ts';
import type { Box } from './box.ts';
import type { Basis, RuleName } from './findings.ts';
import type { InternedSpace } from './relation.ts';
import { boxesOf, coverOf } from './rule-space.ts';

/** Where a policy stands among those of its tier. */
export interface Rank {
  readonly order: number;
  readonly policy: string;
  readonly index: number;
}

export function compareRanks(a: Rank, b: Rank): number {
  if (a.order !== b.order) return a.order - b.order;
  if (a.policy !== b.policy) return a.policy < b.policy ? -1 : 1;
  return a.index - b.index;
}

/** What is known of whether a rule ever decides. Life: `stale` until it is looked at, and again when that what stands before it changed. */
export type Reach =
  | { readonly kind: 'stale' }
  /** Some packet comes through: those in the witness; `memberWitness`: such as present members send, where that was asked. */
  | { readonly kind: 'reached'; readonly witness: Box; readonly memberWitness: Box | undefined }
  | { readonly kind: 'unknown' }
  /** `isAlone`: there is one rule before it that contains it; else `by` are all that decide some of its packets. */
  | { readonly kind: 'covered'; readonly by: readonly RuleRecord[]; readonly isAlone: boolean; readonly basis: Basis };

/** A rule of a stored policy, with what is known of it. */
export interface RuleRecord {
  readonly key: string;
  readonly owner: string | undefined;
  readonly tier: Tier;
  readonly direction: Direction;
  readonly rank: Rank;
  readonly action: RuleAction;
  readonly space: InternedSpace;
  reach: Reach;
  /** Made when it is first asked for. */
  decided: readonly Box[] | undefined;
  /** Conflicts in which it is one of the two. */
  conflicts: number;
}

export const nameOf = ({ owner, tier, direction, rank, action }: RuleRecord): RuleName => ({
  tenant: owner,
  policy: rank.policy,
  tier,
  direction,
  rule: rank.index,
  action,
});

const plain = ({ local, peers, services }: InternedSpace) => ({ local: local.value, peers: peers.value, services: services.value });

/** The packets that a rule matches. */
export function matchedBoxes({ space }: RuleRecord, byMembers: boolean): readonly Box[] {
  const { local, peers, services } = plain(space);
  return boxesOf({ local, peers }, services.matched, byMembers);
}

/** What it is sure to decide, and what it may decide: more where it means ports by name. */
export function decidedBoxes(rule: RuleRecord): readonly Box[] {
  return (rule.decided ??= coverOf(plain(rule.space), rule.space.services.value.covered));
}

export const possibleBoxes = ({ space }: RuleRecord): readonly Box[] => coverOf(plain(space), space.services.value.possible);
