export type { Drift, Refusal, Side } from './delta.ts';
export { Reconciler } from './reconciler.ts';
export type { Attachment, Content, DesiredChange, DriftCounts, Refused } from './reconciler.ts';
export type { Edit, FlowEdit, FlowKey, GroupEdit, MeterEdit, Step } from './step.ts';
export type { FlowSource } from './inbox.ts';
