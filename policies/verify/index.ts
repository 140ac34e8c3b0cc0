export type { Basis, Bounded, Conflict, RuleName, Shadow } from './findings.ts';
export { Verification } from './verification.ts';
export type { PolicyFindings } from './verification.ts';
export { connectivityDifference } from './difference/rows.ts';
export type { ConnectivityDifference, ConnectivityRow } from './difference/rows.ts';
export type { EndSet } from './difference/named-sets.ts';
export { scopeOf } from './difference/endpoints.ts';
export type { Scope } from './difference/endpoints.ts';
