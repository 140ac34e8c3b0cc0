import { firstLacking, flowKey, groupsEqual, metersEqual } from '../model/index.ts';
import type { Flow, Group, Meter, Reference } from '../model/index.ts';
import { Delta } from './delta.ts';
import type { Drift, Entry, Refusal, Side } from './delta.ts';
import { Entrance, leavesAnother } from './entrance.ts';
import { sameFlow } from './equality.ts';
import { FlowList, Inbox } from './inbox.ts';
import type { FlowSource } from './inbox.ts';
import { Dependents } from './references.ts';
import { Revisions } from './revisions.ts';
import { Round } from './round.ts';
import { VacatedZones } from './vacated-zones.ts';
import { viewLeft, Views } from './views.ts';
import type { Edit, FlowKey, Step } from './step.ts';

/** A flow that is wanted no more; one that somebody else than the owner wants by now stays. Without an owner it is wanted by nobody. */
type Unwanted = Pick<Flow, 'tableId' | 'priority' | 'match' | 'key' | 'owner'>;

/** What the controller wants different. A key is put or removed, not both; `removed` of what was never put does nothing. */
export interface DesiredChange {
  /** A source is taken in bit by bit; it must be finished before the next change is made. */
  readonly put?: readonly Flow[] | FlowSource;
  readonly remove?: readonly Unwanted[];
  readonly putGroups?: readonly Group[];
  readonly removeGroups?: readonly number[];
  readonly putMeters?: readonly Meter[];
  readonly removeMeters?: readonly number[];
}

export interface DriftCounts {
  added: number;
  removed: number;
  changed: number;
}

/** A desired thing that the switch refused. `command` is what was tried. */
export interface Refused {
  readonly kind: 'flow' | 'group' | 'meter';
  readonly command: 'add' | 'modify' | 'delete';
  readonly key: FlowKey | number;
  readonly error: string;
}

/** One connection's hold on a reconciler. */
export type Attachment = object;

/** Changes of more bundles than this are taken in while the first are under way. */
const lazyBatches = 4;

/** How often what rests is looked at again. */
const restMs = 250;

type Listing = 'flows' | 'groups' | 'meters';

/** One kind of thing, to be read. */
export interface Content<K, V> {
  readonly desired: Side<K, V>;
  readonly installed: Side<K, V>;
  readonly refused: ReadonlyMap<K, Refusal<V>>;
}

/**
 * Desired state of one switch and what is known of its content. It outlives connections: `attach` when one begins, list the content, and only the difference is handed out. Every table of the bridge belongs to Weir, so what is installed
 * and not desired is removed, whatever its cookie.
 */
export class Reconciler {
  readonly #revisions = new Revisions();
  readonly #views = new Views();
  readonly #entrance = new Entrance();
  readonly #vacated = new VacatedZones();
  readonly #flows = new Delta<FlowKey, Flow>(sameFlow, this.#revisions, (before, after) => {
    this.#views.installedChanged(before, after);
    this.#entrance.installedChanged(before, after);
    this.#vacated.installedChanged(before, after);
    if (before) this.#dependents.delete(before);
    if (after) this.#dependents.add(after);
  });
  readonly #dependents = new Dependents();
  readonly #groups = new Delta<number, Group>(groupsEqual, this.#revisions);
  readonly #meters = new Delta<number, Meter>(metersEqual, this.#revisions);
  readonly #missing = new Set<Listing>(['flows', 'groups', 'meters']);
  readonly drift: Record<Listing, DriftCounts> = {
    flows: { added: 0, removed: 0, changed: 0 },
    groups: { added: 0, removed: 0, changed: 0 },
    meters: { added: 0, removed: 0, changed: 0 },
  };
  readonly #batchFlows: number;
  readonly #refused: Refused[] = [];
  #attachment: Attachment | undefined;
  #inbox: Inbox | undefined;
  #round: Round | undefined;
  #held: Step | undefined;
  /** Deletions for which it is too early, and when they are looked at again. */
  #resting: Entry<FlowKey, Flow>[] = [];
  #restUntilMs = 0;
  #underWay = 0;

  /** @param batchFlows flow-mods in a bundle: a bundle of 1,000 stalls the data plane for about 10 ms */
  constructor(batchFlows = 1_000) {
    this.#batchFlows = batchFlows;
  }

  get flows(): Content<FlowKey, Flow> {
    this.#takeIn(Infinity);
    return this.#flows;
  }

  get groups(): Content<number, Group> {
    return this.#groups;
  }

  get meters(): Content<number, Meter> {
    return this.#meters;
  }

  /** The content of the switch was listed on this connection. */
  get known(): boolean {
    return this.#missing.size === 0;
  }

  /** The highest revision that the switch carries out; refused things do not hold it back. Undefined while unknown. */
  get realized(): number | undefined {
    return this.#revisions.realized;
  }

  /** Changes that wait or are under way, without the refused. */
  get pending(): number {
    return (this.#inbox?.left ?? 0) + this.#flows.changing + this.#groups.changing + this.#meters.changing;
  }

  /** Steps handed out and not acknowledged. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Desired from now on. Revisions rise; a revision without a difference for this switch is announced too. */
  setDesired(change: DesiredChange, revision: number): void {
    this.#takeIn(Infinity);
    if (this.#round?.isWhole === true) {
      this.#round.abandon();
      this.#round = undefined;
    }
    this.#revisions.announce(revision);
    for (const meter of change.putMeters ?? []) this.#meters.put(meter.meterId, meter);
    for (const meterId of change.removeMeters ?? []) this.#meters.remove(meterId);
    for (const group of change.putGroups ?? []) this.#groups.put(group.groupId, group);
    for (const groupId of change.removeGroups ?? []) this.#groups.remove(groupId);
    for (const flow of change.remove ?? []) {
      const key = flowKey(flow);
      if (flow.owner === undefined || this.#flows.desired.get(key)?.owner === flow.owner) this.#flows.remove(key);
    }
    const put = change.put ?? [];
    if ('left' in put) this.#inbox = new Inbox(put, this.#revisions.hold());
    else if (this.known && put.length > this.#batchFlows * lazyBatches) this.#inbox = new Inbox(new FlowList(put), this.#revisions.hold());
    else for (const flow of put) this.#flows.put(flowKey(flow), flow);
    if (!this.known) this.#takeIn(Infinity);
  }

  /**
   * A connection keeps this up to date from now on, and whichever did before does no longer: a switch may be back before the end of its
   * old connection is noticed.
   */
  attach(): Attachment {
    this.forget();
    this.#attachment = {};
    return this.#attachment;
  }

  isAttached(attachment: Attachment): boolean {
    return this.#attachment === attachment;
  }

  /** The connection is gone. Nothing happens when another one was attached since. */
  detach(attachment: Attachment): void {
    if (!this.isAttached(attachment)) return;
    this.#attachment = undefined;
    this.forget();
  }

  /** Nothing is known of the switch. Desire and drift counts stay. */
  forget(): void {
    this.#takeIn(Infinity);
    this.#revisions.forget();
    this.#flows.forget();
    this.#groups.forget();
    this.#meters.forget();
    for (const listing of ['flows', 'groups', 'meters'] as const) this.#missing.add(listing);
    this.#views.forget();
    this.#entrance.forget();
    this.#dependents.clear();
    this.#round = undefined;
    this.#held = undefined;
    this.#resting = [];
    this.#underWay = 0;
  }

  /** A listing of all flows begins; several `listFlow` and one `endFlows` follow. */
  beginFlows(): void {
    this.#flows.beginListing();
  }

  listFlow(flow: Flow): void {
    this.#count('flows', this.#flows.observe(flowKey(flow), flow));
  }

  endFlows(): void {
    this.drift.flows.removed += this.#flows.endListing();
    this.#listed('flows');
  }

  listGroups(groups: readonly Group[]): void {
    this.#groups.beginListing();
    for (const group of groups) this.#count('groups', this.#groups.observe(group.groupId, group));
    this.drift.groups.removed += this.#groups.endListing();
    this.#listed('groups');
  }

  listMeters(meters: readonly Meter[]): void {
    this.#meters.beginListing();
    for (const meter of meters) this.#count('meters', this.#meters.observe(meter.meterId, meter));
    this.drift.meters.removed += this.#meters.endListing();
    this.#listed('meters');
  }

  /** The flow monitor says that somebody else added or changed a flow. @returns the drift, if it is one */
  flowSeen(flow: Flow): Drift | undefined {
    return this.#count('flows', this.#flows.observe(flowKey(flow), flow));
  }

  /** The flow monitor says that a flow is gone and no request of ours removed it. */
  flowGone(flow: Pick<Flow, 'tableId' | 'priority' | 'match'>): Drift | undefined {
    return this.#count('flows', this.#flows.observe(flowKey(flow), undefined));
  }

  /** Refused things whose time has come are pending again. */
  retry(nowMs: number): void {
    this.#meters.retry(nowMs);
    this.#groups.retry(nowMs);
    this.#flows.retry(nowMs);
  }

  /** The next step, in order; undefined when there is none or when a fence waits for what is under way. */
  next(nowMs: number): Step | undefined {
    if (!this.known) return undefined;
    this.#held ??= this.#round?.next() ?? this.#nextRound(nowMs);
    const step = this.#held;
    if (!step || (step.fence && this.#underWay > 0)) return undefined;
    this.#held = undefined;
    const ready = this.#withoutOrphans(step, nowMs);
    if (!ready) return this.next(nowMs);
    this.#underWay++;
    return ready;
  }

  /**
   * A round may begin while the one before is under way, but not when something under way has to change again: what is wanted at one
   * moment would be torn apart.
   */
  #nextRound(nowMs: number): Step | undefined {
    this.#round = undefined;
    if (this.#resting.length > 0 && nowMs >= this.#restUntilMs) this.#flows.giveBack(this.#resting.splice(0));
    for (;;) {
      this.#takeIn(this.#batchFlows);
      const isLast = this.#inbox === undefined;
      if (this.#underWay > 0 && this.#flows.stale + this.#groups.stale + this.#meters.stale > 0) return undefined;
      if (this.#flows.pending + this.#groups.pending + this.#meters.pending > 0) {
        this.#round = new Round(
          { flows: this.#flows, groups: this.#groups, meters: this.#meters },
          this.#batchFlows,
          isLast ? 'all' : 'additions',
          { views: this.#views, entrance: this.#entrance },
          nowMs,
        );
        this.#rest(this.#round.resting, nowMs);
        const step = this.#round.next();
        if (step) return step;
      }
      if (isLast) return undefined;
    }
  }

  #rest(entries: readonly Entry<FlowKey, Flow>[], nowMs: number): void {
    if (entries.length === 0) return;
    this.#resting.push(...entries);
    this.#restUntilMs = nowMs + restMs;
  }

  /** Takes up to `count` flows of a large change in. */
  #takeIn(count: number): void {
    const inbox = this.#inbox;
    if (!inbox) return;
    inbox.take(count, (flow) => this.#flows.put(flowKey(flow), flow));
    if (inbox.left > 0) return;
    this.#inbox = undefined;
    this.#revisions.release(inbox.mark);
  }

  /** The switch has committed the step. */
  committed(step: Step, nowMs: number): void {
    this.#underWay--;
    for (const edit of step.edits) {
      const view =
        edit.kind === 'flow' && edit.command === 'add' ? viewLeft({ desired: edit.value, installed: edit.entry.installed }) : undefined;
      if (view !== undefined) this.#views.turned(view, nowMs);
      if (edit.kind === 'flow' && leavesAnother(edit.entry.installed)) this.#entrance.left(nowMs);
    }
    this.#acknowledge(step.edits);
  }

  /**
   * Nothing of the step is on the switch. `errors` names the edits that were to blame: they are set aside, the others are pending
   * again, and what was planned behind them is planned anew.
   */
  failed(step: Step, errors: ReadonlyMap<Edit, string>, nowMs: number): void {
    this.#underWay--;
    if (this.#held) this.#putBack(this.#held);
    this.#held = undefined;
    this.#round?.abandon();
    this.#round = undefined;
    for (const edit of step.edits) {
      const error = errors.get(edit);
      if (error === undefined) this.#settle(edit, (delta, entry) => delta.fail(entry));
      else this.#refuse(edit, error, nowMs);
    }
  }

  /** For steps that are no bundle: the edits named did not work, the others did. */
  partlyCommitted(step: Step, errors: ReadonlyMap<Edit, string>, nowMs: number): void {
    this.#underWay--;
    const worked: Edit[] = [];
    for (const edit of step.edits) {
      const error = errors.get(edit);
      if (error === undefined) worked.push(edit);
      else this.#refuse(edit, error, nowMs);
    }
    this.#acknowledge(worked);
  }

  /** What was set aside since the last call. */
  takeRefused(): readonly Refused[] {
    if (this.#refused.length === 0) return [];
    return this.#refused.splice(0);
  }

  /** Zones that an interface has left on the switch since the last call, by the cookie that its flows had. */
  takeVacated(): ReadonlyMap<number, bigint> {
    return this.#vacated.take();
  }

  #acknowledge(edits: readonly Edit[]): void {
    let added = false;
    let deleted: Reference[] | undefined;
    for (const edit of edits) {
      if (edit.kind === 'flow') {
        this.#flows.acknowledge(edit.entry);
        continue;
      }
      this.#settle(edit, (delta, entry) => delta.acknowledge(entry));
      if (edit.command === 'delete') (deleted ??= []).push({ kind: edit.kind, id: edit.entry.key });
      else added = true;
    }
    if (added) this.#flows.retry(Infinity);
    if (deleted) this.#deletedWith(deleted);
  }

  /** A switch deletes the flows that use a deleted group or meter, and reports that as our own doing, without their names. */
  #deletedWith(deleted: readonly Reference[]): void {
    for (const each of deleted) for (const flow of this.#dependents.of(each)) this.#flows.observe(flowKey(flow), undefined);
  }

  #refuse(edit: Edit, error: string, nowMs: number): void {
    let isSetAside = false;
    this.#settle(edit, (delta, entry) => {
      isSetAside = delta.refuse(entry, error, nowMs);
    });
    if (isSetAside) this.#refused.push({ kind: edit.kind, command: edit.command, key: edit.entry.key, error });
  }

  #putBack(step: Step): void {
    for (const edit of step.edits) this.#settle(edit, (delta, entry) => delta.fail(entry));
  }

  #settle(edit: Edit, act: <K, V>(delta: Delta<K, V>, entry: Entry<K, V>) => void): void {
    if (edit.kind === 'flow') act(this.#flows, edit.entry);
    else if (edit.kind === 'group') act(this.#groups, edit.entry);
    else act(this.#meters, edit.entry);
  }

  /**
   * A flow that needs a group or meter that is refused or that nobody wants would make its whole bundle fail, and a switch names one
   * such flow for each COMMIT: those flows are set aside beforehand, until a group or meter is added.
   */
  #withoutOrphans(step: Step, nowMs: number): Step | undefined {
    if (step.kind !== 'bundle') return step;
    let orphans: Map<Edit, Reference> | undefined;
    for (const edit of step.edits) {
      const lacking = edit.kind === 'flow' && edit.command === 'add' ? firstLacking(edit.value, this.#lacks) : undefined;
      if (lacking) (orphans ??= new Map()).set(edit, lacking);
    }
    if (!orphans) return step;
    for (const [edit, { kind, id }] of orphans) this.#refuse(edit, `needs ${kind} ${id}, which is not installed`, nowMs);
    const edits = step.edits.filter((edit) => !orphans.has(edit));
    return edits.length > 0 ? { ...step, edits } : undefined;
  }

  readonly #lacks = (kind: Reference['kind'], id: number): boolean => {
    const delta = kind === 'group' ? this.#groups : this.#meters;
    return !delta.desired.has(id) || (delta.refused.has(id) && !delta.installed.has(id));
  };

  #listed(listing: Listing): void {
    if (!this.#missing.delete(listing) || this.#missing.size > 0) return;
    const mark = this.#revisions.baseline();
    this.#flows.compare(mark);
    this.#groups.compare(mark);
    this.#meters.compare(mark);
    this.#revisions.release(mark);
  }

  #count(listing: Listing, drift: Drift | undefined): Drift | undefined {
    if (drift) this.drift[listing][drift]++;
    return drift;
  }
}
