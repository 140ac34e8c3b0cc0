/** What reads documents from outside stands behind doors of its own, with the library that it needs: `parse.ts` and `schema/resource.ts`. */
export { firstUsable, isGatewayMac, usableRange } from './blocks.ts';
export { readEncapIp } from './host.ts';
export { Findings, pointerStep } from './issue.ts';
export type { Issue, Parsed } from './issue.ts';
export type * from './kinds.ts';
export { isLabelKey, isLabelValue } from './labels.ts';
export { portIdOf, vmUidOf } from './port-id.ts';
export { presentSpec } from './present.ts';
export { profiles } from './profiles.ts';
export { groupKeyOf, nameFrom, platformScope, resolveGroup, resolveName } from './scope.ts';
export type { Scoped } from './scope.ts';
export type * from './stored.ts';
export type { InterfaceWanted, Wanted, WantedOf } from './wanted.ts';
