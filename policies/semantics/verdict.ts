import type { RuleAction, Tier } from '../compiled.ts';

type Decision = 'allow' | 'deny' | 'reject';

export interface Verdict {
  readonly verdict: Decision;
  /** Of the interface that opens the connection; null when that end is no interface. */
  readonly egress: SideVerdict | null;
  /** Of the interface to which it is opened; null when that end is no interface. */
  readonly ingress: SideVerdict | null;
}

export interface SideVerdict {
  readonly verdict: Decision;
  readonly tier: Tier | 'posture';
  /** The policy that decided; absent when the posture did. */
  readonly policy?: string;
  /** Position of the rule in the policy's list for this direction, from 0. */
  readonly rule?: number;
  /** The policies that apply to the interface, in the order in which they were asked. */
  readonly tried: readonly Tried[];
}

export interface Tried {
  readonly tier: Tier;
  readonly policy: string;
  /** The first rule that matched, and what it says; absent when none did. */
  readonly rule?: number;
  readonly action?: RuleAction;
}
