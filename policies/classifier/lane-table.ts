import type { Arena } from './arena.ts';
import type { Entry } from './entries.ts';
import type { GroupSet } from './group-sets.ts';
import { LaneVectors } from './lane-vectors.ts';
import { classRow, header, lanesRow, lanesRulesMax, lineWords, nameShift, prefixNode, protocols } from './layout.ts';
import type { Clause, Pair, Subject } from './pairs.ts';
import type { PrefixNode } from './prefix-set.ts';
import type { Space } from './spaces.ts';

const portsEnd = 65_536;
const pageSize = 256;
/** Vectors and others between two pauses. */
const pauseEvery = 32;

/**
 * One table of a tenant's as vectors: a rule is a bit, at its position by rank. A vector for each set of groups, as the local end and as the peer; one for each
 * prefix, which has the rules for the prefixes around it and for anybody too; one for each range of ports between two cuts. A rule matches where
 * all three have its bit.
 */
export class LaneTable {
  readonly vectors: LaneVectors;
  readonly rules: number;
  /** The vector of an address in no prefix. */
  outside = 0;
  /** The offset of the row that readers begin from, when all is built. */
  offset = 0;
  private readonly arena: Arena;
  readonly direction: number;
  private readonly pairs: readonly Pair[];
  private readonly positions = new Map<number, number>();
  private readonly entries: Entry[];
  private readonly ofSubject = new Map<Subject, number[]>();
  private readonly ofClause = new Map<Clause, number[]>();
  private readonly subjectsOf = new Map<number, Set<Subject>>();
  private readonly clausesOf = new Map<number, Set<Clause>>();
  private readonly everybodys = new Set<Subject>();
  private readonly bits: Int32Array;
  private readonly nodes = new Map<PrefixNode, number>();

  /** `pairs` are all of the table. */
  constructor(arena: Arena, direction: number, pairs: readonly Pair[]) {
    this.arena = arena;
    this.direction = direction;
    this.pairs = pairs;
    this.entries = pairs.flatMap(({ entries }) => entries).toSorted((a, b) => a.rank - b.rank);
    for (const { rank } of this.entries) if (!this.positions.has(rank)) this.positions.set(rank, this.positions.size);
    this.rules = this.positions.size;
    this.vectors = new LaneVectors(arena);
    this.bits = new Int32Array(Math.ceil(this.rules / 32 / lineWords) * lineWords);
  }

  /** Whether vectors can say what its rules mean: a port by its name depends on the receiver. */
  static serves(pairs: readonly Pair[], rulesMin: number): boolean {
    const ranks = new Set<number>();
    for (const { entries } of pairs) {
      for (const { rank, service } of entries) {
        if (service >>> nameShift !== 0) return false;
        ranks.add(rank);
      }
    }
    return ranks.size >= rulesMin && ranks.size <= lanesRulesMax;
  }

  /** Builds, with pauses. Nothing of it may be read before the end; a set may go meanwhile. */
  *build(space: Space, sets: ReadonlySet<GroupSet>): Generator<void, void, void> {
    for (const [index, pair] of this.pairs.entries()) {
      this.note(pair);
      if (index % pageSize === 0) yield;
    }
    this.outside = this.vectorOf([...this.ofClause].flatMap(([clause, positions]) => (clause.peers === undefined ? positions : [])));
    let steps = 0;
    for (const family of [4, 6] as const) {
      for (const node of space.prefixes[family].all()) {
        this.addNode(node);
        if (++steps % pauseEvery === 0) yield;
      }
    }
    for (const set of sets) {
      this.addSet(set);
      if (++steps % pauseEvery === 0) yield;
    }
    yield;
    const row = this.vectors.allocate(lanesRow.size);
    const rules = this.vectors.allocate(this.rules);
    for (const { rank, rule } of this.entries) this.arena.words[rules + (this.positions.get(rank) ?? 0)] = rule;
    yield* this.buildServices(row);
    this.arena.words.set([this.outside, rules, this.clausesOf.size > 0 ? 1 : 0], row);
    this.offset = row;
  }

  /** Says in the row of a set of groups what vectors it has. */
  addSet({ number, groups }: GroupSet): void {
    const subjects = new Set(this.everybodys);
    const clauses = new Set<Clause>();
    for (const group of groups) {
      for (const subject of this.subjectsOf.get(group) ?? []) subjects.add(subject);
      for (const clause of this.clausesOf.get(group) ?? []) clauses.add(clause);
    }
    const local = this.vectorOf([...subjects].flatMap((subject) => this.ofSubject.get(subject) ?? []));
    const peer = this.vectorOf([...clauses].flatMap((clause) => this.ofClause.get(clause) ?? []));
    const { words } = this.arena;
    const row = (words[header.classes] ?? 0) + number * classRow.size + this.direction;
    words[row + classRow.locals] = local;
    words[row + classRow.peers] = peer;
  }

  private note({ subject, clause, entries }: Pair): void {
    const positions = [...new Set(entries.map(({ rank }) => this.positions.get(rank) ?? 0))];
    addTo(this.ofSubject, subject, positions);
    addTo(this.ofClause, clause, positions);
    if (subject.groups === undefined) this.everybodys.add(subject);
    for (const group of subject.groups ?? []) this.subjectsOf.set(group, (this.subjectsOf.get(group) ?? new Set()).add(subject));
    for (const group of clause.peers?.groups ?? []) this.clausesOf.set(group, (this.clausesOf.get(group) ?? new Set()).add(clause));
  }

  private vectorOf(positions: readonly number[]): number {
    this.bits.fill(0);
    this.mark(positions);
    return this.vectors.of(this.bits);
  }

  private mark(positions: readonly number[]): void {
    const { bits } = this;
    for (const position of positions) bits[position >>> 5]! |= 0x80000000 >>> (position & 31);
  }

  private addNode(node: PrefixNode): number {
    const known = this.nodes.get(node);
    if (known !== undefined) return known;
    const around = node.parent === undefined ? this.outside : this.addNode(node.parent);
    let vector = around;
    const positions = node.clauses.flatMap((clause) => this.ofClause.get(clause) ?? []);
    if (positions.length > 0) {
      this.vectors.read(around, this.bits);
      this.mark(positions);
      vector = this.vectors.of(this.bits);
    }
    this.nodes.set(node, vector);
    this.arena.words[node.offset + prefixNode.vectors + this.direction] = vector;
    return vector;
  }

  private *buildServices(row: number): Generator<void, void, void> {
    const plain = this.entries.filter(({ service }) => service === 0);
    yield;
    const any = this.pages(new Int32Array(portsEnd).fill(this.vectorOf(plain.map(({ rank }) => this.positions.get(rank) ?? 0))));
    this.arena.words.fill(any, row + lanesRow.services, row + lanesRow.services + pageSize);
    for (const protocol of Object.values(protocols)) {
      const own = this.entries.filter(({ service }) => service === protocol);
      if (own.length === 0) continue;
      const vectors = new Int32Array(portsEnd);
      yield* this.sweep(plain, own, vectors);
      yield;
      this.arena.words[row + lanesRow.services + protocol] = this.pages(vectors);
    }
  }

  /** From cut to cut: entries begin and end, and a rule's bit stands as long as one of its entries does. */
  private *sweep(plain: readonly Entry[], own: readonly Entry[], vectors: Int32Array): Generator<void, void, void> {
    const counts = new Uint32Array(this.rules);
    const bits = new Int32Array(this.bits.length);
    const change = (position: number, by: number): void => {
      const count = (counts[position]! += by);
      if (count === 0) bits[position >>> 5]! &= ~(0x80000000 >>> (position & 31));
      else bits[position >>> 5]! |= 0x80000000 >>> (position & 31);
    };
    for (const { rank } of plain) change(this.positions.get(rank) ?? 0, 1);
    const changes = new Map<number, { readonly position: number; readonly by: number }[]>([[0, []]]);
    const at = (port: number, rank: number, by: number): void => {
      const all = changes.get(port) ?? [];
      all.push({ position: this.positions.get(rank) ?? 0, by });
      changes.set(port, all);
    };
    for (const { rank, first, last } of own) {
      at(first, rank, 1);
      if (last + 1 < portsEnd) at(last + 1, rank, -1);
    }
    yield;
    const cuts = [...changes.keys()].toSorted((a, b) => a - b);
    for (const [index, cut] of cuts.entries()) {
      for (const { position, by } of changes.get(cut) ?? []) change(position, by);
      vectors.fill(this.vectors.of(bits), cut, cuts[index + 1] ?? portsEnd);
      if (index % pauseEvery === 0) yield;
    }
  }

  /** What stands for each port, in pages; those of one vector alone are shared. */
  private pages(vectors: Int32Array): number {
    const table = this.vectors.allocate(pageSize);
    const shared = new Map<number, number>();
    for (let high = 0; high < pageSize; high++) {
      const content = vectors.subarray(high * pageSize, (high + 1) * pageSize);
      const [first = 0] = content;
      const isOne = content.every((vector) => vector === first);
      const page = (isOne ? shared.get(first) : undefined) ?? this.vectors.allocate(pageSize);
      this.arena.words.set(content, page);
      if (isOne) shared.set(first, page);
      this.arena.words[table + high] = page;
    }
    return table;
  }
}

function addTo<T>(index: Map<T, number[]>, key: T, positions: readonly number[]): void {
  const all = index.get(key);
  if (all) all.push(...positions);
  else index.set(key, [...positions]);
}
