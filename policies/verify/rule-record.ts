import type { Direction, RuleAction, Tier } from '../compiled.ts';
import type { Box } from './box.ts';
import type { RuleName } from './findings.ts';
import type { Reach } from './reach.ts';
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

/** A rule of a stored policy, with what is known of it. */
export interface RuleRecord {
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

const tierOrder: Readonly<Record<Tier, number>> = { platform: 0, tenant: 1, baseline: 2 };

/** In the order in which packets meet them. */
export const asAsked = (a: RuleRecord, b: RuleRecord): number => tierOrder[a.tier] - tierOrder[b.tier] || compareRanks(a.rank, b.rank);

/** In the order in which people look for them. */
export function byName(a: RuleRecord, b: RuleRecord): number {
  const [ownerA, ownerB] = [a.owner ?? '', b.owner ?? ''];
  if (ownerA !== ownerB) return ownerA < ownerB ? -1 : 1;
  if (a.rank.policy !== b.rank.policy) return a.rank.policy < b.rank.policy ? -1 : 1;
  if (a.direction !== b.direction) return a.direction < b.direction ? -1 : 1;
  return a.rank.index - b.rank.index;
}

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
