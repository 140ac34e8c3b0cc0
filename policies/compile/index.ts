export { prefixesOf } from './blocks.ts';
export type { CidrClause } from './blocks.ts';
export { evaluate } from './evaluate.ts';
export { groupBits, hashOfSet, usesSets } from './sets.ts';
export type { SetHash } from './sets.ts';

export { guestMtu } from './mtu.ts';
export { groupKeysOf } from './names.ts';
export { shapingOf } from './qos.ts';
export type { QosRule } from './qos.ts';
