export type { Drift, Refusal } from './delta.ts';
export { Reconciler } from './reconciler.ts';
export type { DesiredChange, DriftCounts, Refused } from './reconciler.ts';
export type { Edit, FlowEdit, FlowKey, GroupEdit, MeterEdit, Step } from './step.ts';
