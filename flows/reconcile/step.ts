import type { Flow, Group, Meter } from '../model/index.ts';
import type { Entry } from './delta.ts';

export type FlowKey = string;

/**
 * One edit of a step. `add` of a flow overwrites what stands under its key, cookie included, and keeps its counters (OpenFlow 1.3
 * and later reset them only on request); MODIFY_STRICT would leave the old cookie. For a deletion `value` is what stands on the switch.
 */
export type FlowEdit = {
  readonly kind: 'flow';
  readonly command: 'add' | 'delete';
  readonly entry: Entry<FlowKey, Flow>;
  readonly value: Flow;
};
export type GroupEdit = {
  readonly kind: 'group';
  readonly command: 'add' | 'modify' | 'delete';
  readonly entry: Entry<number, Group>;
  readonly value: Group;
};
export type MeterEdit = {
  readonly kind: 'meter';
  readonly command: 'add' | 'modify' | 'delete';
  readonly entry: Entry<number, Meter>;
  readonly value: Meter;
};

/**
 * What is sent next. A `bundle` is committed or not as a whole; bundles commit in the order in which they were handed out. One that
 * `isAdditive` takes nothing away: it may commit while the additive ones before it have not answered. `meters` cannot be in a bundle.
 * A step with a `fence` is sent when all before it is acknowledged.
 */
export type Step =
  | { readonly kind: 'bundle'; readonly fence: boolean; readonly isAdditive: boolean; readonly edits: readonly (GroupEdit | FlowEdit)[] }
  | { readonly kind: 'meters'; readonly fence: true; readonly edits: readonly MeterEdit[] };

export type Edit = FlowEdit | GroupEdit | MeterEdit;
