import type { Flow, Group, Meter } from '../model/index.ts';
import { entryTable } from '../pipeline/index.ts';
import type { Delta, Entry } from './delta.ts';
import { isOfAnother, type Entrance } from './entrance.ts';
import { viewLeft, viewOf } from './views.ts';
import type { Views } from './views.ts';
import type { FlowEdit, FlowKey, GroupEdit, MeterEdit, Step } from './step.ts';

export interface Deltas {
  readonly flows: Delta<FlowKey, Flow>;
  readonly groups: Delta<number, Group>;
  readonly meters: Delta<number, Meter>;
}

/** Which ways packets take through what is installed. */
export interface Ways {
  readonly views: Views;
  readonly entrance: Entrance;
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
  /** What is wanted at one moment must stand at one moment. */
  readonly isWhole: boolean;
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

/** What is new, what is altered and what goes, each in the order in which packets may meet it. */
class Order {
  readonly additions = new ByTable();
  readonly flips = new ByTable();
  readonly deletions = new ByTable();

  constructor(entries: readonly FlowEntry[]) {
    for (const entry of entries) {
      const { desired, installed } = entry;
      if (!desired) this.deletions.push(installed?.tableId ?? 0, entry);
      else if (installed) this.flips.push(desired.tableId, entry);
      else this.additions.push(desired.tableId, entry);
    }
  }

  get isAdditive(): boolean {
    return this.flips.size + this.deletions.size === 0;
  }

  all(): FlowEntry[] {
    return [...this.additions.falling(), ...this.flips.falling(), ...this.deletions.rising()];
  }
}

/** Units one behind the other, as many together as fit; none is torn apart. */
function packed(units: readonly (readonly FlowEntry[])[], size: number): readonly FlowEntry[][] {
  const packs: FlowEntry[][] = [];
  for (const unit of units) {
    const last = packs.at(-1);
    if (last !== undefined && last.length + unit.length <= size) last.push(...unit);
    else packs.push([...unit]);
  }
  return packs;
}

/**
 * All that is pending at one moment, in the order in which a switch may see it:
 *
 *   meters added or modified → groups and flows → groups deleted → meters deleted
 *
 * Up to `batchFlows` groups and flows go as one atomic bundle, additions before deletions. More go as additions, last table first, so
 * that nothing reaches them before what they lead to is there; then, for each tenant whose packets are judged here and whose policy changes,
 * all that judges them, as one bundle whatever its size, so that no packet sees half of a policy; then the other flows that
 * change, as one flip while that does not stall the switch; then deletions, first table first. What the desire becomes meanwhile counts: a
 * step reads it when it is handed out.
 *
 * When a tenant's interfaces turn to another view, what judges there is an addition that nothing reaches, the interfaces' own
 * flows are the flip, and what judged in the old view rests until no packet can need it. The same with a switch on which packets go through
 * another version of the pipeline: everything is an addition that nothing reaches, the entry is the flip, and the other version rests.
 */
export class Round {
  readonly #deltas: Deltas;
  readonly #segments: Segment[] = [];
  readonly #metersPut: MeterEntry[] = [];
  readonly #metersDeleted: MeterEntry[] = [];
  readonly #views: Views;
  readonly #entrance: Entrance;
  readonly #nowMs: number;
  /** Deletions that are not made yet, because packets may still need the flows. */
  readonly resting: FlowEntry[] = [];
  #next = 0;
  #offset = 0;

  /**
   * @param scope `additions` leaves waiting what changes or takes away something, or is part of how packets are judged, because more
   * additions are to come before it
   */
  constructor(deltas: Deltas, batchFlows: number, scope: 'all' | 'additions', { views, entrance }: Ways, nowMs: number) {
    this.#deltas = deltas;
    this.#views = views;
    this.#entrance = entrance;
    this.#nowMs = nowMs;
    for (const entry of deltas.meters.takePending()) {
      if (entry.desired) this.#metersPut.push(entry);
      else if (scope === 'all') this.#metersDeleted.push(entry);
      else deltas.meters.giveBack([entry]);
    }
    this.#arrange(batchFlows, scope);
  }

  #arrange(batchFlows: number, scope: 'all' | 'additions'): void {
    const isAddition = ({ desired, installed }: Entry<unknown, unknown>): boolean => desired !== undefined && installed === undefined;
    const flows = this.#awake(
      this.#inScope(
        this.#deltas.flows,
        (entry) => scope === 'all' || (isAddition(entry) && !this.#isJudging(entry) && !this.#isEntry(entry)),
      ),
    );
    // With a group or a meter go the flows that use it, which may still be needed.
    const isDeleting = scope === 'all' && !this.#entrance.isLingering(this.#nowMs);
    if (!isDeleting) this.#deltas.meters.giveBack(this.#metersDeleted.splice(0));
    const groups = this.#inScope(this.#deltas.groups, (entry) =>
      entry.desired === undefined ? isDeleting : scope === 'all' || isAddition(entry),
    );
    const groupsPut = groups.filter((entry) => entry.desired !== undefined);
    const isAdditive = groupsPut.every((entry) => entry.installed === undefined);
    if (groupsPut.length + flows.length <= batchFlows) {
      const order = new Order(flows);
      this.#segment({ batch: batchFlows, groups: groupsPut, flows: order.all(), isAdditive: isAdditive && order.isAdditive });
    } else {
      const entry = flows.filter((each) => this.#isEntry(each));
      const { units, rest } = this.#policyUnits(entry.length === 0 ? flows : flows.filter((each) => !this.#isEntry(each)));
      const { additions, flips, deletions } = new Order(rest);
      for (let index = 0; index < groupsPut.length; index += batchFlows)
        this.#segment({ batch: batchFlows, groups: groupsPut.slice(index, index + batchFlows), isAdditive });
      this.#segment({ batch: batchFlows, flows: additions.falling(), isAdditive: true });
      for (const unit of packed(units, batchFlows)) this.#segment({ batch: unit.length, flows: unit, isWhole: true });
      this.#segment({
        batch: flips.size <= batchFlows * 2 ? batchFlows * 2 : batchFlows,
        flows: flips.falling(),
        isWhole: rest.some((entry) => viewLeft(entry) !== undefined),
      });
      this.#segment({ batch: entry.length, flows: new Order(entry).all(), isWhole: true });
      this.#segment({ batch: batchFlows, flows: deletions.rising() });
    }
    this.#segment({ batch: batchFlows, groups: groups.filter((entry) => entry.desired === undefined), fence: true });
  }

  /** A packet may be judged by the flow as soon as it is there. */
  #isJudging(entry: FlowEntry): boolean {
    if (this.#views.isIdle) return false;
    const concern = viewOf(entry);
    return concern !== undefined && this.#views.isReached(concern.view);
  }

  /** The flow leads packets from another version of the pipeline into ours, or takes part in that. */
  #isEntry({ desired, installed }: FlowEntry): boolean {
    return this.#entrance.isElsewhere && (desired ?? installed)?.tableId === entryTable;
  }

  /** Without the deletions that have to wait for the end of a view, or of another version of the pipeline. */
  #awake(flows: FlowEntry[]): FlowEntry[] {
    if (this.#views.isIdle && !this.#entrance.isLingering(this.#nowMs)) return flows;
    for (const entry of flows) {
      const left = viewLeft(entry);
      if (left !== undefined) this.#views.turning(left, this.#nowMs);
    }
    return flows.filter((entry) => {
      const view = entry.desired === undefined ? viewOf(entry)?.view : undefined;
      const isNeeded = isOfAnother(entry)
        ? this.#entrance.isLingering(this.#nowMs)
        : view !== undefined && this.#views.isLingering(view, this.#nowMs);
      if (!isNeeded) return true;
      this.resting.push(entry);
      return false;
    });
  }

  /** All that is about one tenant's packets goes together when its policy changes under them. */
  #policyUnits(flows: readonly FlowEntry[]): { readonly units: readonly (readonly FlowEntry[])[]; readonly rest: readonly FlowEntry[] } {
    if (this.#views.isIdle) return { units: [], rest: flows };
    const byView = Map.groupBy(flows, (entry) => {
      const view = viewLeft(entry) === undefined ? viewOf(entry)?.view : undefined;
      return view !== undefined && this.#views.isReached(view) ? view : undefined;
    });
    const rest = [...(byView.get(undefined) ?? [])];
    const units: FlowEntry[][] = [];
    for (const [view, entries] of byView) {
      if (view === undefined) continue;
      if (entries.some((entry) => viewOf(entry)?.isPolicy === true)) units.push(new Order(entries).all());
      else rest.push(...entries);
    }
    return { units, rest };
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
    if (groups.length + flows.length > 0)
      this.#segments.push({ fence: false, isAdditive: false, isWhole: false, ...segment, groups, flows });
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

  /** Something is still to be handed out that must not be mixed with what is wanted since. */
  get isWhole(): boolean {
    return this.#segments.slice(this.#next).some((segment) => segment.isWhole);
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
