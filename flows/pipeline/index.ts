export { cookieOf, ownCookies, ownerNumber, ownerNumberIn, wholeCookie } from './cookies.ts';
export {
  ctState,
  decidingRule,
  decidingRuleMask,
  flags,
  gatewayMac,
  gatewayMacMask,
  gatewayMacPrefix,
  peerMac,
  peerMacMask,
  registers,
  connectionMarks,
  serviceCode,
  serviceMask,
  servicePort,
  tenantInView,
  tenantOfView,
  serviceProtocolMask,
  serviceProtocolShift,
  serviceType,
} from './registers.ts';
export { admittedTo, concernOf } from './views.ts';
export { tableNames, tables } from './tables.ts';
export type { TableName } from './tables.ts';
export { actionsText, matchText, tableNameOf } from './text.ts';
export { clashes, entryTable, isOfPipeline, pipelineVersion, tableAt } from './version.ts';
