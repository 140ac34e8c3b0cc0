import { coverageOf, stillUncovered } from './coverage.ts';
import type { Before, Coverage } from './coverage.ts';
import type { Box } from './box.ts';
import type { Basis } from './findings.ts';
import { decides, exists, mayDecide, peerPoints } from './point.ts';
import type { Point, Witness } from './point.ts';
import { isIn } from './relation.ts';
import type { RuleIndex } from './rule-index.ts';
import { asAsked, compareRanks, decidedBoxes, matchedBoxes, possibleBoxes } from './rule-record.ts';
import type { RuleRecord } from './rule-record.ts';

/** What is known of whether a rule ever decides. Life: `stale` until it is looked at, and again when that what stands before it changed. */
export type Reach =
  | { readonly kind: 'stale' }
  /** A packet comes through, such as present members send where a group is meant by them. */
  | { readonly kind: 'reached'; readonly witness: Witness }
  /** Some packet in the box comes through, which was harder to find; `memberWitness`: such as present members send, where that was asked. */
  | { readonly kind: 'reached-in'; readonly witness: Box; readonly memberWitness: Box | undefined }
  | { readonly kind: 'unknown' }
  /** `isAlone`: there is one rule before it that contains it; else `by` are all that decide some of its packets. */
  | { readonly kind: 'covered'; readonly by: readonly RuleRecord[]; readonly isAlone: boolean; readonly basis: Basis };

export const stale: Reach = { kind: 'stale' };

/** Looks at what stands before a rule: the platform's tier where it is not of that tier itself, and those asked earlier in its own. */
export function reachOf(rule: RuleRecord, platformTier: RuleIndex | undefined, ownTier: RuleIndex): Reach {
  const platform = platformTier === undefined ? [] : [...platformTier.ofBits(platformTier.meeting(rule.space))].toSorted(asAsked);
  const { groups } = rule.space.peers.value;
  const areMembers = groups.length > 0 && groups.every(({ members }) => members !== undefined && members.all.length > 0);
  const witness = witnessOf(rule, platform, ownTier, areMembers);
  if (witness !== undefined) return { kind: 'reached', witness };
  const meeting = ownTier.meeting(rule.space);
  const alone =
    platform.find((other) => isIn(rule.space, other.space) && !platform.some(({ action }) => action === 'pass')) ??
    ownTier.firstOf(ownTier.containing(rule.space, meeting), rule);
  if (alone !== undefined) return { kind: 'covered', by: [alone], isAlone: true, basis: 'meaning' };
  const own = [...ownTier.ofBits(meeting)].filter((other) => compareRanks(other.rank, rule.rank) < 0).toSorted(asAsked);
  return searched(rule, beforeOf(platform, own), areMembers);
}

/** Of a few packets of the rule, the first that comes through. Most rules have one: what nobody before them names. */
function witnessOf(rule: RuleRecord, platform: readonly RuleRecord[], own: RuleIndex, areMembers: boolean): Witness | undefined {
  const { space } = rule;
  const services = own.servicesOf(space);
  for (const peer of peerPoints(space.peers.value, areMembers)) {
    for (const { service, rules } of services) {
      if (!exists(service, peer.address)) continue;
      for (const local of space.local.value.boxes) {
        const point: Point = { ...peer, local, service, services: rules };
        if (!own.isFirstAt(rule, point) || !passes(platform, point)) continue;
        return { ...peer, local, service };
      }
    }
  }
  return undefined;
}

/** Whether the packet goes on behind a tier with these rules. Who may leave by a port that is meant by name comes through. */
function passes(tier: readonly RuleRecord[], point: Witness): boolean {
  for (const rule of tier) {
    if (rule.action === 'pass' ? mayDecide(rule, point) : decides(rule, point)) return rule.action === 'pass';
  }
  return true;
}

function searched(rule: RuleRecord, before: readonly Before<RuleRecord>[], areMembers: boolean): Reach {
  const byMeaning = coverageOf(matchedBoxes(rule, false), before);
  const byMembers = byMeaning.kind === 'uncovered' && areMembers ? coverageOf(matchedBoxes(rule, true), before) : undefined;
  const found: Coverage<RuleRecord> = byMembers?.kind === 'covered' ? byMembers : byMeaning;
  if (found.kind === 'covered') {
    const basis = found === byMeaning ? 'meaning' : 'members';
    return { kind: 'covered', by: [...found.by].toSorted(asAsked), isAlone: false, basis };
  }
  if (found.kind === 'unknown' || byMembers?.kind === 'unknown') return { kind: 'unknown' };
  return { kind: 'reached-in', witness: found.witness, memberWitness: byMembers && witnessIn(byMembers) };
}

const witnessIn = (coverage: Coverage<RuleRecord>): Box | undefined => (coverage.kind === 'uncovered' ? coverage.witness : undefined);

function beforeOf(platform: readonly RuleRecord[], own: readonly RuleRecord[]): readonly Before<RuleRecord>[] {
  const count = (rules: readonly RuleRecord[]): number => rules.reduce((sum, rule) => sum + partsOf(rule, 0).length, 0);
  const tierEnd = count(platform);
  return [
    ...platform.flatMap((rule) => partsOf(rule, tierEnd)),
    ...own.flatMap((rule) => decidedBoxes(rule).map((box) => ({ rule, box, decides: true, leavesTo: undefined }))),
  ];
}

/** Of a rule in an earlier tier. A port by name may be any: who may leave the tier by it is followed both ways. */
function partsOf(rule: RuleRecord, tierEnd: number): readonly Before<RuleRecord>[] {
  const isPass = rule.action === 'pass';
  const parts = decidedBoxes(rule).map((box) => ({ rule, box, decides: true, leavesTo: isPass ? tierEnd : undefined }));
  const { possible, covered } = rule.space.services.value;
  if (!isPass || possible === covered) return parts;
  return [...parts, ...possibleBoxes(rule).map((box) => ({ rule, box, decides: false, leavesTo: tierEnd }))];
}

/** What is known of `other` when `rule`, which it may meet, has come before it; in an earlier tier or in its own. */
export function reachBehind(rule: RuleRecord, other: RuleRecord, isEarlierTier: boolean): Reach {
  const { reach } = other;
  // Who leaves the tier there comes through as before.
  const isPassing = isEarlierTier && rule.action === 'pass';
  switch (reach.kind) {
    case 'stale':
    case 'unknown':
      return stale;
    case 'covered': {
      const [by] = reach.by;
      if (!reach.isAlone || isEarlierTier) return stale;
      const isFirst = by?.tier === rule.tier && compareRanks(rule.rank, by.rank) < 0 && isIn(other.space, rule.space);
      return isFirst ? stale : reach;
    }
    case 'reached':
      return isPassing || !decides(rule, reach.witness) ? reach : stale;
    case 'reached-in': {
      if (isPassing) return reach;
      const deciding = decidedBoxes(rule);
      const witness = stillUncovered(reach.witness, deciding);
      const memberWitness = reach.memberWitness && stillUncovered(reach.memberWitness, deciding);
      if (witness === undefined || (reach.memberWitness !== undefined && memberWitness === undefined)) return stale;
      return { kind: 'reached-in', witness, memberWitness };
    }
  }
}

/** What is known of `other` when `rule`, which it may meet, is no longer before it. */
export function reachWithout(rule: RuleRecord, other: RuleRecord, isEarlierTier: boolean): Reach {
  const { reach } = other;
  if (reach.kind === 'covered' && reach.isAlone && !isEarlierTier && reach.by[0] !== rule) return reach;
  const isReached = reach.kind === 'reached' || reach.kind === 'reached-in';
  return isReached && !(isEarlierTier && rule.action === 'pass') ? reach : stale;
}
