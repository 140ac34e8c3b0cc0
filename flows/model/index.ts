export { reservedPort } from './action.ts';
export type {
  Action,
  ActionKind,
  ActionOf,
  Conntrack,
  Learn,
  LearnSource,
  LearnSpec,
  LearnTarget,
  Nat,
  Subfield,
  WholeField,
} from './action.ts';
export { canonical, identical } from './canonical.ts';
export { fieldOf, fields } from './field.ts';
export type { Field, FieldName } from './field.ts';
export { flowTemplate } from './flow-template.ts';
export type { FilledTemplate, FlowDraft } from './flow-template.ts';
export { flowKey, flowsEqual, instructionsKey } from './flow.ts';
export type { Flow, FlowFlag } from './flow.ts';
export { groupsEqual } from './group.ts';
export type { Bucket, Group, GroupType, Selection } from './group.ts';
export type { Instruction, InstructionKind } from './instruction.ts';
export { exactValueOf, isOpaque, matchKey, tableOfKey } from './match.ts';
export type { FieldMatch, Match, MatchField, OpaqueMatch } from './match.ts';
export { firstLacking, isFree } from './reference.ts';
export type { Reference } from './reference.ts';
export { metersEqual } from './meter.ts';
export type { Meter, MeterBand } from './meter.ts';
