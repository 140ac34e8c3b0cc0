export { prefixesOf } from './blocks.ts';
export type { CidrClause } from './blocks.ts';
export { evaluate } from './evaluate.ts';
export type { Meeting, Outcome } from './evaluate.ts';
export { bitsOf, groupBitsOf } from './groups.ts';
export type { GroupBit } from './groups.ts';
export { SetTally } from './set-tally.ts';
export { groupBits, hashOfSet, usesSets } from './sets.ts';
export type { SetHash } from './sets.ts';

export { guestMtu } from './mtu.ts';
export { groupKeysOf } from './names.ts';
export { shapingOf } from './qos.ts';
export type { QosRule } from './qos.ts';
