import type { Flow, Group, Meter } from '../model/index.ts';
import type { Change, Delta } from './delta.ts';
import type { FlowEdit, FlowKey, GroupEdit, MeterEdit, Step } from './step.ts';

export interface Deltas {
  readonly flows: Delta<FlowKey, Flow>;
  readonly groups: Delta<number, Group>;
  readonly meters: Delta<number, Meter>;
}

type FlowChange = Change<FlowKey, Flow>;
type Segment = {
  readonly batch: number;
  readonly groups: readonly GroupEdit[];
  readonly flows: readonly FlowChange[];
  readonly fence: boolean;
};

/** Buckets by table, flattened in rising or falling order. */
class ByTable {
  readonly #tables: FlowChange[][] = [];
  size = 0;

  push(tableId: number, change: FlowChange): void {
    (this.#tables[tableId] ??= []).push(change);
    this.size++;
  }

  rising(): FlowChange[] {
    return this.#tables.filter((table) => table !== undefined).flat();
  }

  falling(): FlowChange[] {
    return this.#tables
      .filter((table) => table !== undefined)
      .toReversed()
      .flat();
  }
}

/**
 * All that is pending at one moment, in the order in which a switch may see it:
 *
 *   meters added or modified → groups and flows → groups deleted → meters deleted
 *
 * Up to `batchFlows` groups and flows go as one atomic bundle, additions before deletions. More go as additions, last table first, so
 * that nothing reaches them before what they lead to is there; then the flows that change, as one flip while that does not stall
 * the switch; then deletions, first table first. What the desire becomes meanwhile counts: a step reads it when it is handed out.
 */
export class Round {
  readonly #deltas: Deltas;
  readonly #segments: Segment[] = [];
  readonly #metersPut: Change<number, Meter>[] = [];
  readonly #metersDeleted: Change<number, Meter>[] = [];
  #next = 0;
  #offset = 0;

  constructor(deltas: Deltas, batchFlows: number) {
    this.#deltas = deltas;
    for (const change of deltas.meters.changes.values()) {
      (deltas.meters.desired.has(change.key) ? this.#metersPut : this.#metersDeleted).push(change);
    }
    const groupsPut: GroupEdit[] = [];
    const groupsDeleted: GroupEdit[] = [];
    for (const change of deltas.groups.changes.values()) {
      const edit = this.#groupEdit(change);
      if (edit) (edit.command === 'delete' ? groupsDeleted : groupsPut).push(edit);
    }
    this.#arrange(groupsPut, groupsDeleted, batchFlows);
  }

  #arrange(groupsPut: readonly GroupEdit[], groupsDeleted: readonly GroupEdit[], batchFlows: number): void {
    const additions = new ByTable();
    const flips = new ByTable();
    const deletions = new ByTable();
    const { changes, desired, installed } = this.#deltas.flows;
    for (const change of changes.values()) {
      const wanted = desired.get(change.key);
      const there = installed.get(change.key);
      if (wanted && there) flips.push(wanted.tableId, change);
      else if (wanted) additions.push(wanted.tableId, change);
      else if (there) deletions.push(there.tableId, change);
    }
    const total = groupsPut.length + changes.size;
    const segment = (batch: number, groups: readonly GroupEdit[], flows: readonly FlowChange[], fence = false): void => {
      if (groups.length + flows.length > 0) this.#segments.push({ batch, groups, flows, fence });
    };
    if (total <= batchFlows) {
      segment(batchFlows, groupsPut, [...additions.falling(), ...flips.falling(), ...deletions.rising()]);
    } else {
      for (let index = 0; index < groupsPut.length; index += batchFlows)
        segment(batchFlows, groupsPut.slice(index, index + batchFlows), []);
      segment(batchFlows, [], additions.falling());
      segment(flips.size <= batchFlows * 2 ? batchFlows * 2 : batchFlows, [], flips.falling());
      segment(batchFlows, [], deletions.rising());
    }
    segment(groupsDeleted.length, groupsDeleted, [], true);
  }

  /** The next step, its changes marked as sent; undefined when the round is over. */
  next(): Step | undefined {
    if (this.#metersPut.length > 0) {
      const edits = this.#meterEdits(this.#metersPut.splice(0));
      if (edits.length > 0) return { kind: 'meters', fence: false, edits };
    }
    for (let segment = this.#segments[this.#next]; segment; segment = this.#segments[this.#next]) {
      const edits = this.#take(segment);
      if (edits.length > 0) return { kind: 'bundle', fence: segment.fence, edits };
    }
    const edits = this.#meterEdits(this.#metersDeleted.splice(0));
    return edits.length > 0 ? { kind: 'meters', fence: true, edits } : undefined;
  }

  #take(segment: Segment): (GroupEdit | FlowEdit)[] {
    const edits: (GroupEdit | FlowEdit)[] = [];
    if (this.#offset === 0) {
      for (const edit of segment.groups) {
        const current = this.#deltas.groups.changes.get(edit.change.key) === edit.change ? this.#groupEdit(edit.change) : undefined;
        if (current?.command !== edit.command) continue;
        this.#deltas.groups.send(edit.change);
        edits.push(current);
      }
    }
    while (this.#offset < segment.flows.length && edits.length < segment.batch) {
      const change = segment.flows[this.#offset++];
      const edit = change && this.#flowEdit(change);
      if (edit) edits.push(edit);
    }
    if (this.#offset >= segment.flows.length) {
      this.#next++;
      this.#offset = 0;
    }
    return edits;
  }

  #flowEdit(change: FlowChange): FlowEdit | undefined {
    const { flows } = this.#deltas;
    if (flows.changes.get(change.key) !== change) return undefined;
    const wanted = flows.desired.get(change.key);
    const value = wanted ?? flows.installed.get(change.key);
    if (!value) return undefined;
    flows.send(change);
    return { kind: 'flow', command: wanted ? 'add' : 'delete', change, value };
  }

  #groupEdit(change: Change<number, Group>): GroupEdit | undefined {
    const wanted = this.#deltas.groups.desired.get(change.key);
    const there = this.#deltas.groups.installed.get(change.key);
    if (wanted) return { kind: 'group', command: there ? 'modify' : 'add', change, value: wanted };
    return there && { kind: 'group', command: 'delete', change, value: there };
  }

  #meterEdits(changes: readonly Change<number, Meter>[]): MeterEdit[] {
    const { meters } = this.#deltas;
    const edits: MeterEdit[] = [];
    for (const change of changes) {
      if (meters.changes.get(change.key) !== change) continue;
      const wanted = meters.desired.get(change.key);
      const there = meters.installed.get(change.key);
      const value = wanted ?? there;
      if (!value) continue;
      meters.send(change);
      edits.push({ kind: 'meter', command: wanted ? (there ? 'modify' : 'add') : 'delete', change, value });
    }
    return edits;
  }
}
