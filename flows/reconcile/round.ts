import type { Flow, Group, Meter } from '../model/index.ts';
import type { Delta, Entry } from './delta.ts';
import type { FlowEdit, FlowKey, GroupEdit, MeterEdit, Step } from './step.ts';

export interface Deltas {
  readonly flows: Delta<FlowKey, Flow>;
  readonly groups: Delta<number, Group>;
  readonly meters: Delta<number, Meter>;
}

type FlowEntry = Entry<FlowKey, Flow>;
type GroupEntry = Entry<number, Group>;
type MeterEntry = Entry<number, Meter>;

interface Segment {
  readonly batch: number;
  readonly groups: readonly GroupEntry[];
  readonly flows: readonly FlowEntry[];
  readonly fence: boolean;
  readonly isAdditive: boolean;
}

/** Buckets by table, flattened in rising or falling order. */
class ByTable {
  readonly #tables: FlowEntry[][] = [];
  size = 0;

  push(tableId: number, entry: FlowEntry): void {
    (this.#tables[tableId] ??= []).push(entry);
    this.size++;
  }

  rising(): FlowEntry[] {
    return this.#tables.filter((table) => table !== undefined).flat();
  }

  falling(): FlowEntry[] {
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
  readonly #metersPut: MeterEntry[] = [];
  readonly #metersDeleted: MeterEntry[] = [];
  #next = 0;
  #offset = 0;

  /** @param scope `additions` leaves waiting what changes or takes away something, because more additions are to come before it */
  constructor(deltas: Deltas, batchFlows: number, scope: 'all' | 'additions') {
    this.#deltas = deltas;
    for (const entry of deltas.meters.takePending()) {
      if (entry.desired) this.#metersPut.push(entry);
      else if (scope === 'all') this.#metersDeleted.push(entry);
      else deltas.meters.giveBack([entry]);
    }
    this.#arrange(batchFlows, scope);
  }

  #arrange(batchFlows: number, scope: 'all' | 'additions'): void {
    const isInScope = ({ desired, installed }: Entry<unknown, unknown>): boolean =>
      scope === 'all' || (desired !== undefined && installed === undefined);
    const groups = this.#inScope(this.#deltas.groups, isInScope);
    const flows = this.#inScope(this.#deltas.flows, isInScope);
    const groupsPut = groups.filter((entry) => entry.desired !== undefined);
    const additions = new ByTable();
    const flips = new ByTable();
    const deletions = new ByTable();
    for (const entry of flows) {
      const { desired, installed } = entry;
      if (!desired) deletions.push(installed?.tableId ?? 0, entry);
      else if (installed) flips.push(desired.tableId, entry);
      else additions.push(desired.tableId, entry);
    }
    const isAdditive = groupsPut.every((entry) => entry.installed === undefined);
    if (groupsPut.length + flows.length <= batchFlows) {
      const all = [...additions.falling(), ...flips.falling(), ...deletions.rising()];
      this.#segment({ batch: batchFlows, groups: groupsPut, flows: all, isAdditive: isAdditive && flips.size + deletions.size === 0 });
    } else {
      for (let index = 0; index < groupsPut.length; index += batchFlows)
        this.#segment({ batch: batchFlows, groups: groupsPut.slice(index, index + batchFlows), isAdditive });
      this.#segment({ batch: batchFlows, flows: additions.falling(), isAdditive: true });
      this.#segment({ batch: flips.size <= batchFlows * 2 ? batchFlows * 2 : batchFlows, flows: flips.falling() });
      this.#segment({ batch: batchFlows, flows: deletions.rising() });
    }
    this.#segment({ batch: batchFlows, groups: groups.filter((entry) => entry.desired === undefined), fence: true });
  }

  #inScope<K, V>(delta: Delta<K, V>, isInScope: (entry: Entry<K, V>) => boolean): Entry<K, V>[] {
    const waiting = delta.takePending();
    const left = waiting.filter((entry) => !isInScope(entry));
    if (left.length === 0) return waiting;
    delta.giveBack(left);
    return waiting.filter(isInScope);
  }

  #segment(segment: Partial<Segment> & { readonly batch: number }): void {
    const { groups = [], flows = [] } = segment;
    if (groups.length + flows.length > 0) this.#segments.push({ fence: false, isAdditive: false, ...segment, groups, flows });
  }

  /** The next step, its entries marked as sent; undefined when the round is over. */
  next(): Step | undefined {
    if (this.#metersPut.length > 0) {
      const edits = this.#meterEdits(this.#metersPut.splice(0));
      if (edits.length > 0) return { kind: 'meters', fence: true, edits };
    }
    for (let segment = this.#segments[this.#next]; segment; segment = this.#segments[this.#next]) {
      const edits = this.#take(segment);
      if (edits.length > 0) return { kind: 'bundle', fence: segment.fence, isAdditive: segment.isAdditive, edits };
    }
    const edits = this.#meterEdits(this.#metersDeleted.splice(0));
    return edits.length > 0 ? { kind: 'meters', fence: true, edits } : undefined;
  }

  /** The round is given up: what it has not handed out waits again. */
  abandon(): void {
    const { meters, groups, flows } = this.#deltas;
    meters.giveBack([...this.#metersPut, ...this.#metersDeleted]);
    for (const segment of this.#segments.slice(this.#next)) {
      groups.giveBack(segment.groups);
      flows.giveBack(segment.flows);
    }
  }

  #take(segment: Segment): (GroupEdit | FlowEdit)[] {
    const edits: (GroupEdit | FlowEdit)[] = [];
    if (this.#offset === 0) {
      for (const entry of segment.groups) {
        const edit = this.#groupEdit(entry);
        if (edit) edits.push(edit);
      }
    }
    while (this.#offset < segment.flows.length && edits.length < segment.batch) {
      const entry = segment.flows[this.#offset++];
      const edit = entry && this.#flowEdit(entry);
      if (edit) edits.push(edit);
    }
    if (this.#offset >= segment.flows.length) {
      this.#next++;
      this.#offset = 0;
    }
    return edits;
  }

  #flowEdit(entry: FlowEntry): FlowEdit | undefined {
    const value = entry.desired ?? entry.installed;
    if (entry.state !== 'pending' || !value) return undefined;
    this.#deltas.flows.send(entry);
    return { kind: 'flow', command: entry.desired ? 'add' : 'delete', entry, value };
  }

  #groupEdit(entry: GroupEntry): GroupEdit | undefined {
    const value = entry.desired ?? entry.installed;
    if (entry.state !== 'pending' || !value) return undefined;
    this.#deltas.groups.send(entry);
    return { kind: 'group', command: entry.desired ? (entry.installed ? 'modify' : 'add') : 'delete', entry, value };
  }

  #meterEdits(entries: readonly MeterEntry[]): MeterEdit[] {
    const edits: MeterEdit[] = [];
    for (const entry of entries) {
      const value = entry.desired ?? entry.installed;
      if (entry.state !== 'pending' || !value) continue;
      this.#deltas.meters.send(entry);
      edits.push({ kind: 'meter', command: entry.desired ? (entry.installed ? 'modify' : 'add') : 'delete', entry, value });
    }
    return edits;
  }
}
