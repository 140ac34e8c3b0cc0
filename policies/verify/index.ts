export type { Basis, Bounded, Conflict, RuleName, Shadow } from './findings.ts';
export { Verification } from './verification.ts';
export type { PolicyFindings } from './verification.ts';
