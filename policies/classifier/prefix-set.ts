import { assert } from '../../src/base/errors.ts';
import { addressBits, hostMask } from '../../src/base/addresses.ts';
import type { Family, Prefix } from '../../src/base/addresses.ts';
import { noBlock } from './arena.ts';
import type { Arena, Block } from './arena.ts';
import { itemsOf, writeItems } from './items.ts';
import { biased, prefixNode, rankNone } from './layout.ts';
import { firstRank } from './pairs.ts';
import type { Clause } from './pairs.ts';
import { wordsOf } from './words.ts';

/** Where in the space's row the set stands; `index` 0: none is kept. */
export interface PrefixFields {
  readonly blocks: number;
  readonly count: number;
  readonly capacity: number;
  readonly index: number;
}

/** A prefix that is named. */
export interface PrefixNode {
  readonly prefix: Prefix;
  /** Stays as long as the prefix is named. */
  readonly offset: number;
  readonly clauses: Clause[];
  readonly onChange: () => void;
  parent: PrefixNode | undefined;
  items: Block;
  list: Block;
}

const indexSize = 65_537;
/** From here on the first 16 bits of an address are looked up before the rest is searched. */
const indexedFrom = 128;
/** When as many change as one in this many, all cuts are made anew. */
const rebuiltShare = 8;
/** A prefix takes in copies of no more items than this, of clauses with no more prefixes. */
const prefixesMax = 4;
const itemsMax = 128;

/**
 * The prefixes that rules of one space name, of one family, and the clauses behind each. The addresses are cut where the innermost prefix
 * changes; a prefix knows the next one around it. Adding or removing one touches its own cuts and the prefixes right inside it. All stands after `settle`.
 */
export class PrefixSet {
  private readonly arena: Arena;
  private readonly family: Family;
  private readonly fields: PrefixFields;
  /** Where the space's row is now. */
  private readonly row: () => number;
  private readonly nodes = new Map<string, PrefixNode>();
  private readonly byOffset = new Map<number, PrefixNode>();
  /** Not among the cuts yet. */
  private readonly added = new Set<PrefixNode>();
  /** Among the cuts still. */
  private readonly removed = new Set<PrefixNode>();
  private readonly stale = new Set<PrefixNode>();
  private readonly width: number;
  private readonly onStale: (set: PrefixSet) => void;

  constructor(arena: Arena, family: Family, fields: PrefixFields, row: () => number, onStale: (set: PrefixSet) => void) {
    this.arena = arena;
    this.family = family;
    this.fields = fields;
    this.row = row;
    this.onStale = onStale;
    this.width = family === 4 ? 1 : 4;
  }

  add(prefix: Prefix, clause: Clause): void {
    const key = keyOf(prefix);
    const node = this.nodes.get(key) ?? this.open(key, prefix);
    node.clauses.push(clause);
    clause.onChange.push(node.onChange);
    node.onChange();
  }

  remove(prefix: Prefix, clause: Clause): void {
    const key = keyOf(prefix);
    const node = this.nodes.get(key);
    const at = node?.clauses.indexOf(clause) ?? -1;
    assert(node && at >= 0, 'a clause that leaves a prefix is there');
    node.clauses.splice(at, 1);
    clause.onChange.splice(clause.onChange.indexOf(node.onChange), 1);
    node.onChange();
    if (node.clauses.length === 0) this.close(key, node);
  }

  /** As of the last `settle`. */
  all(): Iterable<PrefixNode> {
    return this.nodes.values();
  }

  /** The offset of the innermost prefix around an address; 0: there is none. */
  innermost(value: bigint): number {
    return this.count === 0 ? 0 : this.nodeAt(this.find(value));
  }

  /** Writes what changed. */
  settle(): void {
    if ((this.added.size + this.removed.size) * rebuiltShare > this.nodes.size) this.rebuild();
    else {
      for (const node of this.removed) this.withdraw(node);
      for (const node of this.added) this.insert(node);
    }
    for (const node of this.removed) this.free(node);
    this.added.clear();
    this.removed.clear();
    for (const node of this.stale) this.store(node);
    this.stale.clear();
  }

  /** Frees what the set has in the arena. */
  clear(): void {
    for (const node of [...this.nodes.values(), ...this.removed]) this.free(node);
    this.nodes.clear();
    this.added.clear();
    this.removed.clear();
    this.stale.clear();
    this.arena.release(this.blocks, this.capacity * (this.width + 1));
    if (this.indexed) this.arena.release(this.get(this.fields.index), indexSize);
  }

  private open(key: string, prefix: Prefix): PrefixNode {
    const node: PrefixNode = {
      prefix,
      offset: this.arena.allocate(prefixNode.size),
      clauses: [],
      onChange: () => {
        this.stale.add(node);
        this.onStale(this);
      },
      parent: undefined,
      items: noBlock,
      list: noBlock,
    };
    this.nodes.set(key, node);
    this.byOffset.set(node.offset, node);
    this.added.add(node);
    return node;
  }

  private close(key: string, node: PrefixNode): void {
    this.stale.delete(node);
    this.nodes.delete(key);
    if (this.added.delete(node)) this.free(node);
    else this.removed.add(node);
  }

  private free(node: PrefixNode): void {
    this.byOffset.delete(node.offset);
    this.arena.release(node.offset, prefixNode.size);
    this.arena.release(node.items.offset, node.items.length);
    this.arena.release(node.list.offset, node.list.length);
  }

  private insert(node: PrefixNode): void {
    const { prefix } = node;
    if (this.count === 0) this.put(0, wordsOf(this.family, 0n), 0);
    const parent = this.around(prefix);
    const first = this.cut(prefix.value);
    const end = this.endOf(prefix);
    this.setParent(node, parent);
    const parentOffset = parent?.offset ?? 0;
    for (let position = first; position < end;) {
      const inner = this.nodeAt(position);
      if (inner === parentOffset) this.setNode(position++, node.offset);
      else position = this.adopt(inner, parent, node);
    }
  }

  private withdraw(node: PrefixNode): void {
    const first = this.find(node.prefix.value);
    const end = this.endOf(node.prefix);
    for (let position = first; position < end;) {
      const inner = this.nodeAt(position);
      if (inner === node.offset) this.setNode(position++, node.parent?.offset ?? 0);
      else position = this.adopt(inner, node, node.parent);
    }
    for (const position of [end, first]) {
      if (position > 0 && position < this.count && this.nodeAt(position) === this.nodeAt(position - 1)) this.take(position);
    }
  }

  /** What stood right inside `from`, and has `inner` in it, stands right inside `to`. @returns the position behind it */
  private adopt(inner: number, from: PrefixNode | undefined, to: PrefixNode | undefined): number {
    let node = this.byOffset.get(inner);
    while (node && node.parent !== from) node = node.parent;
    assert(node, 'a prefix stands inside the one around it');
    this.setParent(node, to);
    return this.find(lastOf(node.prefix)) + 1;
  }

  private setParent(node: PrefixNode, parent: PrefixNode | undefined): void {
    node.parent = parent;
    this.arena.words[node.offset + prefixNode.parent] = parent?.offset ?? 0;
  }

  private store(node: PrefixNode): void {
    this.arena.release(node.items.offset, node.items.length);
    this.arena.release(node.list.offset, node.list.length);
    let room = itemsMax;
    const isCopied = ({ isHashed, peers, pairs }: Clause): boolean =>
      !isHashed && (peers?.prefixes.length ?? 0) <= prefixesMax && (room -= itemsOf(pairs.values())) >= 0;
    const copied = node.clauses.filter(isCopied);
    const others = node.clauses.filter((clause) => !copied.includes(clause));
    const { block, count } = writeItems(
      this.arena,
      copied.flatMap(({ pairs }) => [...pairs.values()]),
    );
    node.items = block;
    node.list = others.length === 0 ? noBlock : { offset: this.arena.allocate(others.length), length: others.length };
    const { words } = this.arena;
    for (const [index, { number }] of others.entries()) words[node.list.offset + index] = number;
    words[node.offset + prefixNode.rank] = node.clauses.reduce((rank, clause) => Math.min(rank, firstRank(clause)), rankNone);
    words[node.offset + prefixNode.items] = block.offset;
    words[node.offset + prefixNode.itemCount] = count;
    words[node.offset + prefixNode.clauses] = node.list.offset;
    words[node.offset + prefixNode.clauseCount] = others.length;
  }

  /** All cuts at once. */
  private rebuild(): void {
    const { width } = this;
    const cells: { readonly start: bigint; readonly node: PrefixNode | undefined }[] = [{ start: 0n, node: undefined }];
    const put = (start: bigint, node: PrefixNode | undefined): void => {
      if (cells.at(-1)?.start === start) cells.pop();
      cells.push({ start, node });
    };
    const open: PrefixNode[] = [];
    const closeBefore = (value: bigint): void => {
      for (let node = open.at(-1); node && lastOf(node.prefix) < value; node = open.at(-1)) {
        open.pop();
        put(lastOf(node.prefix) + 1n, open.at(-1));
      }
    };
    for (const node of [...this.nodes.values()].toSorted((a, b) => compare(a.prefix, b.prefix))) {
      closeBefore(node.prefix.value);
      this.setParent(node, open.at(-1));
      open.push(node);
      put(node.prefix.value, node);
    }
    closeBefore(1n << BigInt(addressBits(this.family)));
    // What would begin behind the last address.
    if (cells.at(-1)?.start === 1n << BigInt(addressBits(this.family))) cells.pop();
    if (cells.length > this.capacity) this.reserve(cells.length);
    const { words } = this.arena;
    for (const [position, { start, node }] of cells.entries()) {
      const at = this.at(position);
      for (const [index, word] of wordsOf(this.family, start).entries()) words[at + index] = biased(word);
      words[at + width] = node?.offset ?? 0;
    }
    this.set(this.fields.count, cells.length);
    if (this.fields.index === 0) return;
    if (this.indexed) this.fillIndex();
    else if (cells.length >= indexedFrom) this.makeIndex();
  }

  /** The innermost prefix that contains this one. */
  private around(prefix: Prefix): PrefixNode | undefined {
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
    const last = lastOf(prefix);
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
    const at = this.at(position);
    for (let word = 0; word < this.width; word++) {
      const difference = (words[at + word] ?? 0) - biased(wanted[word] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  private put(position: number, start: readonly number[], node: number): void {
    const { count, width } = this;
    if (count === this.capacity) this.reserve(count + 1);
    const { words } = this.arena;
    words.copyWithin(this.at(position + 1), this.at(position), this.at(count));
    for (let word = 0; word < width; word++) words[this.at(position) + word] = biased(start[word] ?? 0);
    words[this.at(position) + width] = node;
    this.set(this.fields.count, count + 1);
    this.shiftIndex(start[0] ?? 0, 1);
  }

  private take(position: number): void {
    const { count } = this;
    const { words } = this.arena;
    const start = biased(words[this.at(position)] ?? 0);
    words.copyWithin(this.at(position), this.at(position + 1), this.at(count));
    this.set(this.fields.count, count - 1);
    this.shiftIndex(start, -1);
  }

  private reserve(count: number): void {
    const { blocks, capacity, width } = this;
    const size = 2 ** Math.max(2, Math.ceil(Math.log2(count)));
    this.set(this.fields.blocks, this.arena.resize(blocks, capacity * (width + 1), size * (width + 1)));
    this.set(this.fields.capacity, size);
  }

  /** Entry h is the last position that begins before `h << 16`, or 0; the last entry is the last position. */
  private shiftIndex(start: number, by: number): void {
    if (this.fields.index === 0) return;
    if (!this.indexed) {
      if (this.count >= indexedFrom) this.makeIndex();
      return;
    }
    const { words } = this.arena;
    const end = this.get(this.fields.index) + indexSize;
    for (let at = end - indexSize + (start >>> 16) + 1; at < end; at++) words[at]! += by;
  }

  private makeIndex(): void {
    const index = this.arena.allocate(indexSize);
    this.set(this.fields.index, index);
    this.fillIndex();
  }

  private fillIndex(): void {
    const index = this.get(this.fields.index);
    const { words } = this.arena;
    const { count } = this;
    let position = 0;
    for (let high = 0; high < indexSize - 1; high++) {
      while (position + 1 < count && (words[this.at(position + 1)] ?? 0) < biased(high << 16)) position++;
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

  /** Where a cut stands. */
  private at(position: number): number {
    return this.blocks + position * (this.width + 1);
  }

  private nodeAt(position: number): number {
    return this.arena.words[this.at(position) + this.width] ?? 0;
  }

  private setNode(position: number, node: number): void {
    this.arena.words[this.at(position) + this.width] = node;
  }
}

const keyOf = (prefix: Prefix): string => `${prefix.value}/${prefix.length}`;

const contains = (outer: Prefix, inner: Prefix): boolean =>
  outer.length < inner.length &&
  (inner.value | hostMask(inner.family, outer.length)) === (outer.value | hostMask(outer.family, outer.length));

const lastOf = (prefix: Prefix): bigint => prefix.value | hostMask(prefix.family, prefix.length);

/** By where they begin, the outer one first. */
function compare(a: Prefix, b: Prefix): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.length - b.length;
}
