import type { Prefix } from '../../src/base/addresses.ts';
import { noBlock } from './arena.ts';
import type { Arena, Block } from './arena.ts';
import { writeEntry, writeList } from './entries.ts';
import type { Entry } from './entries.ts';
import { HashTable } from './hash-table.ts';
import { isListed, writeItems } from './items.ts';
import { clauseRow, hashed, header, pair as words, pairsListedMax, rankNone, slot, subjectRow, tableRow } from './layout.ts';
import { Rows } from './rows.ts';
import type { Lanes } from './lanes.ts';
import type { Space } from './spaces.ts';

/** Whom rules of a table are for: the members of some groups, or everybody. */
export interface Subject {
  readonly number: number;
  readonly table: number;
  readonly space: Space;
  /** Ascending; undefined: everybody. */
  readonly groups: readonly number[] | undefined;
}

/** What the other end of a rule may be; undefined: anybody. */
export type Peers = { readonly groups: readonly number[]; readonly prefixes: readonly Prefix[] } | undefined;

/** Equal peers of the rules of one space. */
export interface Clause {
  /** 0: anybody. */
  readonly number: number;
  readonly peers: Peers;
  readonly pairs: Map<Subject, Pair>;
  /** Told when its pairs changed: its prefixes have copies. */
  readonly onChange: (() => void)[];
  items: Block;
  isHashed: boolean;
}

export interface Pair {
  readonly subject: Subject;
  readonly clause: Clause;
  entries: Entry[];
  list: Block;
}

/** What is hashed is listed again only when it is well below the most that a list has. */
const unhashedMax = pairsListedMax / 2;
const nothing: Entry = { rank: rankNone, rule: 0, service: 0, first: 0, last: 0 };

/**
 * A rule stands once for its subject and its clause, however many addresses or interfaces these mean. A decision goes through the clauses that the
 * other end is in, and keeps to the pairs whose subject the local end is in. Pairs with anybody stand with their subject.
 */
export class Pairs {
  private readonly arena: Arena;
  private readonly slots: HashTable;
  private readonly subjects: Rows;
  private readonly clauses: Rows;
  private readonly tables: Rows;
  private readonly lanes: Lanes;
  private readonly stalePairs = new Set<Pair>();
  private readonly staleClauses = new Set<Clause>();

  constructor(arena: Arena, tables: Rows, lanes: Lanes) {
    this.arena = arena;
    this.lanes = lanes;
    this.tables = tables;
    this.slots = new HashTable(arena, { at: header.pairs, slotSize: slot.size, keySize: 2 });
    this.subjects = new Rows(arena, header.subjects, subjectRow.size);
    this.clauses = new Rows(arena, header.clauses, clauseRow.size);
    this.clauses.add();
    arena.words[header.subjectsMask] = 63;
  }

  openSubject(table: number, space: Space, groups: Subject['groups']): Subject {
    const number = this.subjects.add();
    this.subjects.set(number, subjectRow.pair, rankNone);
    const { words } = this.arena;
    if (number > (words[header.subjectsMask] ?? 0)) words[header.subjectsMask] = 2 * number - 1;
    return { number, table, space, groups };
  }

  /** It has no rules any more. */
  closeSubject(subject: Subject): void {
    this.subjects.remove(subject.number);
  }

  openClause(peers: Peers): Clause {
    const number = peers === undefined ? 0 : this.clauses.add();
    this.clauses.set(number, clauseRow.rank, rankNone);
    return { number, peers, pairs: new Map(), onChange: [], items: noBlock, isHashed: false };
  }

  /** It has no rules any more. */
  closeClause(clause: Clause): void {
    this.staleClauses.delete(clause);
    this.arena.release(clause.items.offset, clause.items.length);
    if (clause.number !== 0) this.clauses.remove(clause.number);
  }

  /** Stands after `settle`, as do the others' changes. */
  add(subject: Subject, clause: Clause, entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    let pair = clause.pairs.get(subject);
    if (pair === undefined) {
      clause.pairs.set(subject, (pair = { subject, clause, entries: [], list: noBlock }));
      this.lanes.pairOpened(pair);
    }
    for (const each of entries) insert(pair.entries, each);
    this.count(subject, 1);
    this.stale(pair);
  }

  remove(subject: Subject, clause: Clause, rule: number): void {
    const pair = clause.pairs.get(subject);
    const kept = pair?.entries.filter((each) => each.rule !== rule);
    if (!pair || !kept || kept.length === pair.entries.length) return;
    pair.entries.splice(0, pair.entries.length, ...kept);
    this.count(subject, -1);
    this.stale(pair);
    if (kept.length > 0) return;
    this.stalePairs.delete(pair);
    clause.pairs.delete(subject);
    this.lanes.pairClosed(pair);
    this.arena.release(pair.list.offset, pair.list.length);
    if (clause.number === 0) this.subjects.set(subject.number, subjectRow.pair, rankNone);
    else if (clause.isHashed) this.slots.remove([subject.number, clause.number]);
  }

  /** The rule keeps its place among the others of its pair: labels change, their order does not. */
  rerank(subject: Subject, clause: Clause, rule: number, rank: number): void {
    const pair = clause.pairs.get(subject);
    if (pair === undefined) return;
    for (const [position, each] of pair.entries.entries()) if (each.rule === rule) pair.entries[position] = { ...each, rank };
    this.stale(pair);
  }

  /** Writes what changed. */
  settle(): void {
    for (const pair of this.stalePairs) this.store(pair);
    this.stalePairs.clear();
    for (const clause of this.staleClauses) this.arrange(clause);
    this.staleClauses.clear();
  }

  private stale(pair: Pair): void {
    this.stalePairs.add(pair);
    this.lanes.changed(pair.subject.space);
    if (pair.clause.number !== 0) this.staleClauses.add(pair.clause);
  }

  private count(subject: Subject, by: number): void {
    this.tables.set(subject.table, tableRow.rules, this.tables.get(subject.table, tableRow.rules) + by);
  }

  private store(pair: Pair): void {
    const { subject, clause } = pair;
    // In as much room as they take: most have one, and what grew has room for 17.
    pair.entries = [...pair.entries];
    this.arena.release(pair.list.offset, pair.list.length);
    pair.list = isListed(pair) ? writeList(this.arena, pair.entries) : noBlock;
    if (clause.number === 0) this.write(pair, this.subjects.offset(subject.number) + subjectRow.pair);
    else if (clause.isHashed) this.hash(pair);
  }

  private write(pair: Pair, at: number): void {
    // One row has room for one entry.
    if (pair.list.offset === 0 && pair.entries.length > 1) pair.list = writeList(this.arena, pair.entries);
    writeEntry(this.arena.words, at + words.entry, pair.entries[0] ?? nothing);
    this.arena.words[at + words.list] = pair.list.offset;
  }

  private hash(pair: Pair): void {
    const at = this.slots.insert([pair.subject.number, pair.clause.number]);
    this.write(pair, at + slot.pair);
  }

  /** Writes the items by rank, or gives each pair a slot when there are many. */
  private arrange(clause: Clause): void {
    const { size } = clause.pairs;
    const isHashed = size > (clause.isHashed ? unhashedMax : pairsListedMax);
    if (isHashed !== clause.isHashed) {
      clause.isHashed = isHashed;
      for (const pair of clause.pairs.values()) {
        if (isHashed) this.hash(pair);
        else this.slots.remove([pair.subject.number, clause.number]);
      }
    }
    this.arena.release(clause.items.offset, clause.items.length);
    const { block, count } = isHashed ? { block: noBlock, count: hashed } : writeItems(this.arena, clause.pairs.values());
    clause.items = block;
    this.clauses.set(clause.number, clauseRow.rank, firstRank(clause));
    this.clauses.set(clause.number, clauseRow.list, block.offset);
    this.clauses.set(clause.number, clauseRow.count, count);
    for (const tell of clause.onChange) tell();
  }
}

/** Of the rule that stands first. */
export function firstRank({ pairs }: Clause): number {
  let first: number = rankNone;
  for (const { entries } of pairs.values()) first = Math.min(first, entries[0]?.rank ?? rankNone);
  return first;
}

/** Before the first with a higher rank. */
function insert(entries: Entry[], added: Entry): void {
  let position = entries.length;
  while (position > 0 && (entries[position - 1]?.rank ?? 0) > added.rank) position--;
  entries.splice(position, 0, added);
}
