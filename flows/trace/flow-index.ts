import { fieldOf, flowKey, isOpaque } from '../model/index.ts';
import type { Flow, Match } from '../model/index.ts';
import { placeOf, spell, wordOf } from './layout.ts';
import type { Place } from './layout.ts';
import { namesPrerequisites } from './prerequisites.ts';

/** What a flow needs to be looked up; cookie and timeouts do not count. */
export type Rule = Omit<Flow, 'cookie'>;

/** The flow that a packet meets in a table. */
export interface Hit {
  readonly rule: Rule;
  /** The conjunction that was complete, and the flows that completed it, one for each clause. */
  readonly conjunction: { readonly id: number; readonly clauses: readonly Rule[] } | undefined;
}

interface Clause {
  readonly id: number;
  readonly clause: number;
  readonly clauses: number;
}

interface Entry {
  readonly key: string;
  readonly rule: Rule;
  readonly priority: number;
  /** Masked words, in the order of the tuple's. */
  readonly values: readonly number[];
  /** Set for a flow that is but part of conjunctions. */
  readonly parts: readonly Clause[] | undefined;
}

/** The flows of a table that mask the same bits: one look into a hash table finds which of them a packet meets. */
interface Tuple {
  readonly signature: string;
  readonly words: readonly number[];
  readonly masks: readonly number[];
  /** Entries by hash, the highest priority first. */
  readonly entries: Map<number, Entry[]>;
  readonly priorities: Map<number, number>;
  highest: number;
}

interface Table {
  readonly shapes: Map<string, Shape | undefined>;
  readonly bySignature: Map<string, Tuple>;
  /** The highest priority first. */
  sorted: Tuple[];
  isSorted: boolean;
}

const conjunctionWord = wordOf('conj_id');

/**
 * The flows of a switch, found by packet: in each table one hash table for each combination of masks (tuple space search), visited from the
 * highest priority down. Kept up to date flow by flow.
 */
export class FlowIndex {
  readonly #tables = new Map<number, Table>();
  readonly #placed = new Map<string, { readonly rule: Rule; readonly tuple: Tuple | undefined; readonly hash: number }>();

  constructor(rules: Iterable<Rule> = []) {
    for (const rule of rules) this.put(rule);
  }

  get size(): number {
    return this.#placed.size;
  }

  /** The flow itself that stands under a key (`flowKey`). */
  get(key: string): Rule | undefined {
    return this.#placed.get(key)?.rule;
  }

  keys(): Iterable<string> {
    return this.#placed.keys();
  }

  /** In place of the flow of the same table, priority and match. */
  put(rule: Rule): void {
    const key = flowKey(rule);
    this.remove(key);
    const table = this.#table(rule.tableId);
    const shape = shapeOf(table, rule.match);
    const values = shape && valuesOf(shape, rule.match);
    if (shape === undefined || values === undefined) {
      this.#placed.set(key, { rule, tuple: undefined, hash: 0 });
      return;
    }
    const tuple = liveTuple(table, shape);
    const entry = { key, rule, priority: rule.priority, values, parts: clausesOf(rule) };
    let hash = 0;
    for (const value of values) hash = mix(hash, value);
    const list = tuple.entries.get(hash);
    if (list) {
      const at = list.findIndex(({ priority }) => priority < entry.priority);
      list.splice(at === -1 ? list.length : at, 0, entry);
    } else tuple.entries.set(hash, [entry]);
    tuple.priorities.set(rule.priority, (tuple.priorities.get(rule.priority) ?? 0) + 1);
    if (rule.priority > tuple.highest) {
      tuple.highest = rule.priority;
      table.isSorted = false;
    }
    this.#placed.set(key, { rule, tuple, hash });
  }

  remove(key: string): void {
    const placed = this.#placed.get(key);
    if (placed === undefined) return;
    this.#placed.delete(key);
    const { tuple, hash, rule } = placed;
    if (tuple === undefined) return;
    const list = (tuple.entries.get(hash) ?? []).filter((entry) => entry.key !== key);
    if (list.length > 0) tuple.entries.set(hash, list);
    else tuple.entries.delete(hash);
    const left = (tuple.priorities.get(rule.priority) ?? 1) - 1;
    if (left > 0) tuple.priorities.set(rule.priority, left);
    else tuple.priorities.delete(rule.priority);
    if (left > 0 || rule.priority < tuple.highest) return;
    const table = this.#table(rule.tableId);
    if (tuple.priorities.size === 0) table.bySignature.delete(tuple.signature);
    tuple.highest = Math.max(-1, ...tuple.priorities.keys());
    table.isSorted = false;
  }

  #table(id: number): Table {
    let table = this.#tables.get(id);
    if (!table) this.#tables.set(id, (table = { shapes: new Map(), bySignature: new Map(), sorted: [], isSorted: true }));
    return table;
  }

  /**
   * As Open vSwitch's classifier: the flow of the highest priority that the packet meets. A conjunction counts when, at one priority,
   * the packet meets a flow of each of its clauses; then the packet is looked up again with its `conj_id`.
   */
  lookUp(tableId: number, packet: Uint32Array): Hit | undefined {
    const table = this.#tables.get(tableId);
    if (!table) return undefined;
    if (!table.isSorted) {
      table.sorted = [...table.bySignature.values()].toSorted((a, b) => b.highest - a.highest);
      table.isSorted = true;
    }
    const parts: Entry[] = [];
    const whole = find(table.sorted, packet, parts);
    const lowest = whole?.priority ?? -1;
    const above = parts.filter(({ priority }) => priority > lowest).toSorted((a, b) => b.priority - a.priority);
    for (let start = 0, end = 0; start < above.length; start = end) {
      while (end < above.length && above[end]?.priority === above[start]?.priority) end++;
      for (const conjunction of completed(above.slice(start, end))) {
        const before = packet[conjunctionWord] ?? 0;
        packet[conjunctionWord] = conjunction.id;
        const found = find(table.sorted, packet, undefined);
        packet[conjunctionWord] = before;
        if (found) return { rule: found.rule, conjunction };
      }
    }
    return whole && { rule: whole.rule, conjunction: undefined };
  }
}

const mix = (hash: number, value: number): number => {
  const mixed = Math.imul(hash ^ value, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};

/** Matches on the same bits: where each condition's words stand among those of the tuple. */
interface Shape {
  readonly words: readonly number[];
  readonly masks: readonly number[];
  readonly signature: string;
  /** For each condition its place, its masks, and for each of its words the position in `words`; -1 for one that does not count. */
  readonly conditions: readonly { readonly place: Place; readonly masks: readonly number[]; readonly positions: readonly number[] }[];
}

/** Shapes of flows that have gone are forgotten with all others. */
const shapesMax = 4_096;

/** Their values decide which other fields a packet has. */
const deciding = new Set<string>(['eth_type', 'ip_proto', 'icmpv6_type']);

/** Undefined when no packet can match. Flows have few shapes, so that each is looked at once. */
function shapeOf(table: Table, match: Match): Shape | undefined {
  let name = '';
  for (const condition of match) {
    if (isOpaque(condition)) return undefined;
    name += condition.field;
    if (deciding.has(condition.field)) name += `=${condition.value}`;
    name += condition.mask === undefined ? ';' : `/${condition.mask};`;
  }
  if (table.shapes.size > shapesMax) table.shapes.clear();
  if (!table.shapes.has(name)) table.shapes.set(name, shape(match));
  return table.shapes.get(name);
}

function shape(match: Match): Shape | undefined {
  if (!namesPrerequisites(match)) return undefined;
  const masks = new Map<number, number>();
  const found: { readonly place: Place; readonly masks: readonly number[] }[] = [];
  for (const condition of match) {
    const place = isOpaque(condition) ? undefined : placeOf(condition.field);
    if (place === undefined || isOpaque(condition)) return undefined;
    const bits = spell(place, condition.mask ?? fieldOf(condition.field).full);
    found.push({ place, masks: bits });
    for (const [index, mask] of bits.entries())
      if (mask !== 0) masks.set(place.word + index, ((masks.get(place.word + index) ?? 0) | mask) >>> 0);
  }
  const sorted = [...masks].toSorted(([a], [b]) => a - b);
  const words = sorted.map(([word]) => word);
  return {
    words,
    masks: sorted.map(([, mask]) => mask),
    signature: sorted.map(([word, mask]) => `${word}:${mask}`).join(),
    conditions: found.map(({ place, masks: bits }) => ({
      place,
      masks: bits,
      positions: bits.map((mask, index) => (mask === 0 ? -1 : words.indexOf(place.word + index))),
    })),
  };
}

/** In the order of the shape's words; undefined when two conditions contradict each other. */
function valuesOf({ words, conditions }: Shape, match: Match): readonly number[] | undefined {
  const values = words.map(() => 0);
  const written = words.map(() => 0);
  for (const [index, { place, masks, positions }] of conditions.entries()) {
    const condition = match[index];
    if (condition === undefined || isOpaque(condition)) return undefined;
    const spelt = spell(place, condition.value);
    for (const [at, position] of positions.entries()) {
      if (position < 0) continue;
      const mask = masks[at] ?? 0;
      const value = ((spelt[at] ?? 0) & mask) >>> 0;
      const before = values[position] ?? 0;
      if (((before ^ value) & (written[position] ?? 0) & mask) !== 0) return undefined;
      values[position] = (before | value) >>> 0;
      written[position] = ((written[position] ?? 0) | mask) >>> 0;
    }
  }
  return values;
}

function liveTuple(table: Table, { signature, words, masks }: Shape): Tuple {
  let tuple = table.bySignature.get(signature);
  if (!tuple) {
    tuple = { signature, words, masks, entries: new Map(), priorities: new Map(), highest: -1 };
    table.bySignature.set(signature, tuple);
    table.isSorted = false;
  }
  return tuple;
}

/** The clauses of a flow whose actions are conjunctions: a flow has those or others, never both. */
function clausesOf({ instructions }: Rule): readonly Clause[] | undefined {
  const clauses = instructions.flatMap((instruction) =>
    instruction.kind === 'apply_actions' ? instruction.actions.flatMap((action) => (action.kind === 'conjunction' ? [action] : [])) : [],
  );
  return clauses.length > 0 ? clauses : undefined;
}

/** The best flow that stands for itself. Those that are parts of conjunctions are added to `parts`, or passed over without it. */
function find(tuples: readonly Tuple[], packet: Uint32Array, parts: Entry[] | undefined): Entry | undefined {
  let best: Entry | undefined;
  for (const tuple of tuples) {
    if (best !== undefined && tuple.highest <= best.priority) break;
    const { words, masks } = tuple;
    let hash = 0;
    for (let index = 0; index < words.length; index++) hash = mix(hash, ((packet[words[index] ?? 0] ?? 0) & (masks[index] ?? 0)) >>> 0);
    for (const entry of tuple.entries.get(hash) ?? []) {
      if (best !== undefined && entry.priority <= best.priority) break;
      if (!meets(tuple, entry, packet)) continue;
      if (entry.parts === undefined) best = entry;
      else parts?.push(entry);
    }
  }
  return best;
}

function meets({ words, masks }: Tuple, { values }: Entry, packet: Uint32Array): boolean {
  for (let index = 0; index < words.length; index++)
    if (((packet[words[index] ?? 0] ?? 0) & (masks[index] ?? 0)) >>> 0 !== values[index]) return false;
  return true;
}

/** Conjunctions of which each clause is met, by rising id. */
function completed(entries: readonly Entry[]): readonly { readonly id: number; readonly clauses: readonly Rule[] }[] {
  const byId = new Map<number, { readonly wanted: number; readonly met: Map<number, Rule> }>();
  for (const { rule, parts } of entries) {
    for (const { id, clause, clauses } of parts ?? []) {
      let found = byId.get(id);
      if (!found) byId.set(id, (found = { wanted: clauses, met: new Map() }));
      if (!found.met.has(clause)) found.met.set(clause, rule);
    }
  }
  return [...byId]
    .filter(([, { wanted, met }]) => met.size === wanted)
    .toSorted(([a], [b]) => a - b)
    .map(([id, { met }]) => ({ id, clauses: [...met].toSorted(([a], [b]) => a - b).map(([, rule]) => rule) }));
}
