import type { Arena } from './arena.ts';
import { writeEntry, writeList } from './entries.ts';
import type { Entry } from './entries.ts';
import { HashTable } from './hash-table.ts';
import { header, rankNone, slot, subjectRow, tableRow } from './layout.ts';
import { Rows } from './rows.ts';

/** Whom rules of a table are for: the members of some groups, or everybody. */
export interface Subject {
  readonly number: number;
  readonly table: number;
  readonly pairs: Map<number, Pair>;
}

interface Pair {
  readonly entries: Entry[];
  list: { readonly offset: number; readonly length: number };
}

/** Of subjects with more clauses than this, what only shortens the search is not kept exact when a rule goes. */
const exactMax = 64;
const inline = { offset: 0, length: 0 };

/**
 * A rule stands once for its subject and its clause, however many addresses or interfaces these mean: a decision probes the pairs of those that
 * its two ends are in. What subjects say of their clauses may promise more than there is, never less.
 */
export class Pairs {
  private readonly arena: Arena;
  private readonly slots: HashTable;
  private readonly subjects: Rows;
  private readonly tables: Rows;

  constructor(arena: Arena, tables: Rows) {
    this.arena = arena;
    this.tables = tables;
    this.slots = new HashTable(arena, { at: header.pairs, slotSize: slot.size, keySize: 2 });
    this.subjects = new Rows(arena, header.subjects, subjectRow.size);
  }

  openSubject(table: number): Subject {
    const number = this.subjects.add();
    this.subjects.set(number, subjectRow.rank, rankNone);
    return { number, table, pairs: new Map() };
  }

  /** It has no rules any more. */
  closeSubject(subject: Subject): void {
    this.subjects.remove(subject.number);
  }

  add(subject: Subject, clause: number, entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    let pair = subject.pairs.get(clause);
    if (pair === undefined) subject.pairs.set(clause, (pair = { entries: [], list: inline }));
    for (const each of entries) {
      let position = pair.entries.length;
      while (position > 0 && (pair.entries[position - 1]?.rank ?? 0) > each.rank) position--;
      pair.entries.splice(position, 0, each);
    }
    this.tables.set(subject.table, tableRow.rules, this.tables.get(subject.table, tableRow.rules) + 1);
    this.store(subject, clause, pair);
    this.promise(subject, clause, pair.entries[0]?.rank ?? rankNone);
  }

  remove(subject: Subject, clause: number, rule: number): void {
    const pair = subject.pairs.get(clause);
    const kept = pair?.entries.filter((each) => each.rule !== rule);
    if (!pair || !kept || kept.length === pair.entries.length) return;
    pair.entries.splice(0, pair.entries.length, ...kept);
    this.tables.set(subject.table, tableRow.rules, this.tables.get(subject.table, tableRow.rules) - 1);
    if (kept.length > 0) this.store(subject, clause, pair);
    else {
      this.arena.release(pair.list.offset, pair.list.length);
      this.slots.remove([subject.number, clause]);
      subject.pairs.delete(clause);
    }
    if (subject.pairs.size <= exactMax) this.promiseAnew(subject);
  }

  /** The rule keeps its place among the others of its pair: labels change, their order does not. */
  rerank(subject: Subject, clause: number, rule: number, rank: number): void {
    const pair = subject.pairs.get(clause);
    if (pair === undefined) return;
    for (const [position, each] of pair.entries.entries()) if (each.rule === rule) pair.entries[position] = { ...each, rank };
    this.store(subject, clause, pair);
    this.promise(subject, clause, rank);
  }

  private store(subject: Subject, clause: number, pair: Pair): void {
    const before = pair.list;
    const [only, ...others] = pair.entries;
    pair.list = others.length === 0 ? inline : writeList(this.arena, pair.entries);
    this.arena.release(before.offset, before.length);
    const at = this.slots.insert([subject.number, clause]);
    const { words } = this.arena;
    words[at + slot.rank] = only?.rank ?? rankNone;
    words[at + slot.list] = pair.list.offset;
    if (only && others.length === 0) writeEntry(words, at + slot.entry, only);
  }

  private promise({ number }: Subject, clause: number, rank: number): void {
    const field = clause & 32 ? subjectRow.clausesHigh : subjectRow.clausesLow;
    this.subjects.set(number, field, this.subjects.get(number, field) | (1 << clause));
    this.subjects.set(number, subjectRow.rank, Math.min(rank, this.subjects.get(number, subjectRow.rank)));
  }

  private promiseAnew(subject: Subject): void {
    for (const field of [subjectRow.clausesLow, subjectRow.clausesHigh]) this.subjects.set(subject.number, field, 0);
    this.subjects.set(subject.number, subjectRow.rank, rankNone);
    for (const [clause, pair] of subject.pairs) this.promise(subject, clause, pair.entries[0]?.rank ?? rankNone);
  }
}
