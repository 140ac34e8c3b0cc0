import type { Direction, RuleAction, Tier } from '../compiled.ts';

/** A rule as users find it. */
export interface RuleName {
  /** Undefined: the platform's. */
  readonly tenant: string | undefined;
  readonly policy: string;
  readonly tier: Tier;
  readonly direction: Direction;
  /** From 0, in the policy's list for the direction. */
  readonly rule: number;
  readonly action: RuleAction;
}

/**
 * Containment of groups is worked out from their selectors (`meaning`: it holds whoever comes to exist) or, where a group is compared
 * with addresses, from the addresses of its present members.
 */
export type Basis = 'meaning' | 'members';

/** A rule that never decides. */
export interface Shadow {
  readonly rule: RuleName;
  /** `redundant`: those before it say the same. `shadowed`: at least one says something else. */
  readonly kind: 'shadowed' | 'redundant';
  /** Who decides instead, in the order in which they are asked; the first ones. */
  readonly by: readonly RuleName[];
  readonly byCount: number;
  readonly basis: Basis;
}

/** Two rules that say opposite things of some packets. */
export interface Conflict {
  /** Asked first, and so the one that decides. */
  readonly first: RuleName;
  readonly second: RuleName;
  /** `order`: the policies' orders differ and neither rule is a part of the other. `name`: the orders are equal, only the names decide. */
  readonly decidedBy: 'order' | 'name';
  readonly basis: Basis;
}

/** The first of them, and how many there are. */
export interface Bounded<T> {
  readonly items: readonly T[];
  readonly count: number;
}
