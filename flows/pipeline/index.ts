export { cookieOf, cookieTag, cookieTagMask } from './cookies.ts';
export {
  ctState,
  decidingRule,
  decidingRuleMask,
  flags,
  gatewayMac,
  gatewayMacPrefix,
  peerMac,
  peerMacMask,
  registers,
  revokedMark,
} from './registers.ts';
export { tableNames, tables } from './tables.ts';
export type { TableName } from './tables.ts';
