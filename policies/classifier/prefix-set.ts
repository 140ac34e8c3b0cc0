import { assert } from '../../src/base/errors.ts';
import { addressBits, hostMask } from '../../src/base/addresses.ts';
import type { Family, Prefix } from '../../src/base/addresses.ts';
import type { Arena } from './arena.ts';
import { biased, prefixBlock } from './layout.ts';
import { wordsOf } from './words.ts';

/** Where in the space's row the set stands; `index` 0: none is kept. */
export interface PrefixFields {
  readonly blocks: number;
  readonly count: number;
  readonly capacity: number;
  readonly index: number;
}

interface Node {
  readonly prefix: Prefix;
  offset: number;
  parent: Node | undefined;
  readonly clauses: number[];
}

const indexSize = 65_537;
/** From here on the first 16 bits of an address are looked up before the rest is searched. */
const indexedFrom = 128;

/**
 * The prefixes that rules of one space name, of one family, and the clauses behind each. The addresses are cut where the innermost prefix
 * changes; a prefix knows the next one around it. Adding or removing one touches its own cuts and the prefixes right inside it.
 */
export class PrefixSet {
  private readonly arena: Arena;
  private readonly family: Family;
  private readonly fields: PrefixFields;
  /** Where the space's row is now. */
  private readonly row: () => number;
  private readonly nodes = new Map<string, Node>();
  private readonly byOffset = new Map<number, Node>();
  private readonly width: number;

  constructor(arena: Arena, family: Family, fields: PrefixFields, row: () => number) {
    this.arena = arena;
    this.family = family;
    this.fields = fields;
    this.row = row;
    this.width = family === 4 ? 1 : 4;
  }

  add(prefix: Prefix, clause: number): void {
    const key = keyOf(prefix);
    const node = this.nodes.get(key) ?? this.insert(key, prefix);
    node.clauses.push(clause);
    this.store(node, node.clauses.length - 1);
  }

  remove(prefix: Prefix, clause: number): void {
    const key = keyOf(prefix);
    const node = this.nodes.get(key);
    const at = node?.clauses.indexOf(clause) ?? -1;
    assert(node && at >= 0, 'a clause that leaves a prefix is there');
    const before = node.clauses.length;
    node.clauses.splice(at, 1);
    if (node.clauses.length === 0) this.delete(key, node, before);
    else this.store(node, before);
  }

  /** Frees what the set has in the arena. */
  clear(): void {
    for (const node of this.nodes.values()) this.arena.release(node.offset, prefixBlock.clauses + node.clauses.length);
    this.nodes.clear();
    this.byOffset.clear();
    this.arena.release(this.blocks, this.capacity * (this.width + 1));
    if (this.indexed) this.arena.release(this.get(this.fields.index), indexSize);
  }

  private insert(key: string, prefix: Prefix): Node {
    if (this.count === 0) this.put(0, wordsOf(this.family, 0n), 0);
    const node: Node = { prefix, offset: this.arena.allocate(prefixBlock.clauses + 1), parent: this.around(prefix), clauses: [] };
    const first = this.cut(prefix.value);
    const end = this.endOf(prefix);
    const parentOffset = node.parent?.offset ?? 0;
    for (let position = first; position < end; position++) {
      const inner = this.nodeAt(position);
      if (inner === parentOffset) this.setNode(position, node.offset);
      else this.adopt(inner, node.parent, node);
    }
    this.arena.words[node.offset + prefixBlock.parent] = parentOffset;
    this.nodes.set(key, node);
    this.byOffset.set(node.offset, node);
    return node;
  }

  private delete(key: string, node: Node, clauses: number): void {
    const first = this.find(node.prefix.value);
    const end = this.endOf(node.prefix);
    for (let position = first; position < end; position++) {
      const inner = this.nodeAt(position);
      if (inner === node.offset) this.setNode(position, node.parent?.offset ?? 0);
      else this.adopt(inner, node, node.parent);
    }
    this.nodes.delete(key);
    this.byOffset.delete(node.offset);
    this.arena.release(node.offset, prefixBlock.clauses + clauses);
    for (const position of [end, first]) {
      if (position > 0 && position < this.count && this.nodeAt(position) === this.nodeAt(position - 1)) this.take(position);
    }
  }

  /** What stood right inside `from`, seen from a prefix within it, stands right inside `to`. */
  private adopt(inner: number, from: Node | undefined, to: Node | undefined): void {
    let node = this.byOffset.get(inner);
    while (node && node.parent !== from) {
      if (node === to || node.parent === to) return;
      node = node.parent;
    }
    if (!node || node === to) return;
    node.parent = to;
    this.arena.words[node.offset + prefixBlock.parent] = to?.offset ?? 0;
  }

  /** Writes the clauses, in another block when they need one of another size. */
  private store(node: Node, before: number): void {
    const { length } = node.clauses;
    const was = node.offset;
    if (before > 0) node.offset = this.arena.resize(was, prefixBlock.clauses + before, prefixBlock.clauses + length);
    const { words } = this.arena;
    words[node.offset + prefixBlock.parent] = node.parent?.offset ?? 0;
    words[node.offset + prefixBlock.count] = length;
    for (const [index, clause] of node.clauses.entries()) words[node.offset + prefixBlock.clauses + index] = clause;
    if (node.offset !== was) this.moved(node, was);
  }

  private moved(node: Node, was: number): void {
    this.byOffset.delete(was);
    this.byOffset.set(node.offset, node);
    const end = this.endOf(node.prefix);
    for (let position = this.find(node.prefix.value); position < end; position++) {
      const inner = this.nodeAt(position);
      if (inner === was) this.setNode(position, node.offset);
      else this.repoint(inner, node);
    }
  }

  /** The prefix right inside `node` on the way up from `inner` points to where it is now. */
  private repoint(inner: number, node: Node): void {
    let child = this.byOffset.get(inner);
    while (child && child.parent !== node) child = child.parent;
    if (child) this.arena.words[child.offset + prefixBlock.parent] = node.offset;
  }

  /** The innermost prefix that contains this one. */
  private around(prefix: Prefix): Node | undefined {
    let node = this.byOffset.get(this.nodeAt(this.find(prefix.value)));
    while (node && !contains(node.prefix, prefix)) node = node.parent;
    return node;
  }

  /** The position at which a value begins; made where there is none. */
  private cut(value: bigint): number {
    const position = this.find(value);
    const words = wordsOf(this.family, value);
    if (this.compare(position, words) === 0) return position;
    this.put(position + 1, words, this.nodeAt(position));
    return position + 1;
  }

  /** The position behind a prefix, cut there. */
  private endOf(prefix: Prefix): number {
    const last = prefix.value | hostMask(prefix.family, prefix.length);
    return last === (1n << BigInt(addressBits(this.family))) - 1n ? this.count : this.cut(last + 1n);
  }

  /** The last position that begins at or before a value. */
  private find(value: bigint): number {
    const words = wordsOf(this.family, value);
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.compare(middle, words) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private compare(position: number, wanted: readonly number[]): number {
    const { words } = this.arena;
    const at = this.blocks + position * this.width;
    for (let word = 0; word < this.width; word++) {
      const difference = (words[at + word] ?? 0) - biased(wanted[word] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  private put(position: number, start: readonly number[], node: number): void {
    const { count } = this;
    if (count === this.capacity) this.reserve(Math.max(4, count * 2));
    const { words } = this.arena;
    const starts = this.blocks;
    const nodes = starts + this.capacity * this.width;
    words.copyWithin(starts + (position + 1) * this.width, starts + position * this.width, starts + count * this.width);
    words.copyWithin(nodes + position + 1, nodes + position, nodes + count);
    for (let word = 0; word < this.width; word++) words[starts + position * this.width + word] = biased(start[word] ?? 0);
    words[nodes + position] = node;
    this.set(this.fields.count, count + 1);
    this.shiftIndex(start[0] ?? 0, 1);
  }

  private take(position: number): void {
    const { count } = this;
    const { words } = this.arena;
    const starts = this.blocks;
    const nodes = starts + this.capacity * this.width;
    const start = biased(words[starts + position * this.width] ?? 0);
    words.copyWithin(starts + position * this.width, starts + (position + 1) * this.width, starts + count * this.width);
    words.copyWithin(nodes + position, nodes + position + 1, nodes + count);
    this.set(this.fields.count, count - 1);
    this.shiftIndex(start, -1);
  }

  private reserve(capacity: number): void {
    const { blocks, count, width } = this;
    const before = this.capacity;
    const target = this.arena.allocate(capacity * (width + 1));
    const { words } = this.arena;
    words.copyWithin(target, blocks, blocks + count * width);
    words.copyWithin(target + capacity * width, blocks + before * width, blocks + before * width + count);
    this.arena.release(blocks, before * (width + 1));
    this.set(this.fields.blocks, target);
    this.set(this.fields.capacity, capacity);
  }

  /** Entry h is the last position that begins at or before `h << 16`; the last entry is the last position. */
  private shiftIndex(start: number, by: number): void {
    if (this.fields.index === 0) return;
    if (!this.indexed) {
      if (this.count >= indexedFrom) this.makeIndex();
      return;
    }
    const { words } = this.arena;
    const index = this.get(this.fields.index);
    for (let at = index + Math.ceil((start >>> 0) / 65_536); at < index + indexSize; at++) words[at] = (words[at] ?? 0) + by;
  }

  private makeIndex(): void {
    const index = this.arena.allocate(indexSize);
    this.set(this.fields.index, index);
    const { words } = this.arena;
    const { blocks, count } = this;
    let position = 0;
    for (let high = 0; high < indexSize - 1; high++) {
      while (position + 1 < count && (words[blocks + position + 1] ?? 0) <= biased(high << 16)) position++;
      words[index + high] = position;
    }
    words[index + indexSize - 1] = count - 1;
  }

  private get indexed(): boolean {
    return this.fields.index !== 0 && this.get(this.fields.index) !== 0;
  }

  private get blocks(): number {
    return this.get(this.fields.blocks);
  }

  private get count(): number {
    return this.get(this.fields.count);
  }

  private get capacity(): number {
    return this.get(this.fields.capacity);
  }

  private get(field: number): number {
    return this.arena.words[this.row() + field] ?? 0;
  }

  private set(field: number, value: number): void {
    this.arena.words[this.row() + field] = value;
  }

  private nodeAt(position: number): number {
    return this.arena.words[this.blocks + this.capacity * this.width + position] ?? 0;
  }

  private setNode(position: number, node: number): void {
    this.arena.words[this.blocks + this.capacity * this.width + position] = node;
  }
}

const keyOf = (prefix: Prefix): string => `${prefix.value}/${prefix.length}`;

const contains = (outer: Prefix, inner: Prefix): boolean =>
  outer.length < inner.length &&
  (inner.value | hostMask(inner.family, outer.length)) === (outer.value | hostMask(outer.family, outer.length));
