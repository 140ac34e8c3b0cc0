import { families, hasNothingIn, isWhole } from './relation.ts';
import type { InternedSpace } from './relation.ts';
import type { RuleRecord } from './rule-record.ts';
import { hasNames } from './rule-space.ts';
import { hasIcmp, isOneRange } from './service-rows.ts';

/** What is said of rules by a bit each. */
export const marks = [
  'live',
  'allows',
  'passes',
  /** It has several boxes, so that it may contain a rule, or be one's part, with none of them alone. */
  'composite',
  /** Its services are several ranges, so that it may be a rule's part with none of them alone. */
  'severalRanges',
  'hasIcmp',
  /** It means a port by name. */
  'named',
  'hasGroups',
  'hasAddresses',
  'hasBlocks',
  'whole4',
  'whole6',
  'nothingIn4',
  'nothingIn6',
  /** Its conflicts are counted. */
  'counted',
  /** Whether it is reached is known. */
  'settled',
] as const;
export type Mark = (typeof marks)[number];

export const wholeIn = { 4: 'whole4', 6: 'whole6' } as const;
export const nothingIn = { 4: 'nothingIn4', 6: 'nothingIn6' } as const;

/** Whether it has several boxes on a side. */
export const isComposite = ({ local, peers }: InternedSpace): boolean =>
  local.value.boxes.length > 1 || peers.value.boxes.length + (peers.value.addresses.all.length > 0 ? 1 : 0) > 1;

/** What is so of a rule from the start. */
export function* marksOf({ action, space }: RuleRecord): Iterable<Mark> {
  const peers = space.peers.value;
  yield 'live';
  if (action === 'allow') yield 'allows';
  if (action === 'pass') yield 'passes';
  if (isComposite(space)) yield 'composite';
  if (!isOneRange(space.services.value)) yield 'severalRanges';
  if (hasIcmp(space.services.value)) yield 'hasIcmp';
  if (hasNames(space.services.value)) yield 'named';
  if (peers.boxes.length > 0) yield 'hasGroups';
  if (peers.addresses.all.length > 0) yield 'hasAddresses';
  if (families.some((family) => peers.addresses.in[family].length > 0 && !isWhole(peers, family))) yield 'hasBlocks';
  for (const family of families) {
    if (isWhole(peers, family)) yield wholeIn[family];
    if (hasNothingIn(space, family)) yield nothingIn[family];
  }
}
