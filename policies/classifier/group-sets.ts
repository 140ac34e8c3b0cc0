import { noBlock } from './arena.ts';
import type { Arena, Block } from './arena.ts';
import { classRow, foreignSlot, header, record } from './layout.ts';
import { HashTable } from './hash-table.ts';
import type { Lanes } from './lanes.ts';
import { Rows } from './rows.ts';
import type { Space } from './spaces.ts';

/** The groups that some interfaces of one tenant are in. Interfaces with equal sets share one. */
export interface GroupSet {
  readonly number: number;
  readonly space: Space;
  /** Ascending. */
  readonly groups: readonly number[];
  readonly key: string;
  uses: number;
  readonly blocks: { own: Block; platform: Block; foreign: Block };
}

/** What names groups: a subject in its list of the record, or a clause. */
interface Naming {
  readonly list: number;
  readonly number: number;
}

export const clauseList = record.clauses;

/**
 * Sets of groups, and for each a record of the subjects and clauses that name one of them: what a decision reads instead of the groups. However
 * many groups a tenant has, an interface costs one number.
 */
export class GroupSets {
  private readonly arena: Arena;
  private readonly isPlatform: (group: number) => boolean;
  private readonly lanes: Lanes;
  private readonly rows: Rows;
  private readonly foreign: HashTable;
  private readonly sets = new Map<string, GroupSet>();
  /** By group. */
  private readonly setsWith = new Map<number, Set<GroupSet>>();
  /** By space, then group. */
  private readonly namings = new Map<number, Map<number, Naming[]>>();
  private readonly foreignBlocks = new Map<string, Block>();
  private readonly stale = new Set<GroupSet>();

  constructor(arena: Arena, isPlatform: (group: number) => boolean, lanes: Lanes) {
    this.arena = arena;
    this.lanes = lanes;
    this.isPlatform = isPlatform;
    this.rows = new Rows(arena, header.classes, classRow.size);
    this.foreign = new HashTable(arena, { at: header.foreign, slotSize: foreignSlot.size, keySize: 2 });
  }

  get count(): number {
    return this.sets.size;
  }

  /** One use more of the set with these groups, ascending. Its record stands after `settle`. */
  use(space: Space, groups: readonly number[]): GroupSet {
    const key = `${space.number}:${groups.join(',')}`;
    let set = this.sets.get(key);
    if (set === undefined) {
      set = {
        number: this.rows.add(),
        space,
        groups,
        key,
        uses: 0,
        blocks: { own: noBlock, platform: noBlock, foreign: noBlock },
      };
      this.sets.set(key, set);
      this.lanes.setOpened(set);
      for (const group of groups) this.indexed(group).add(set);
      this.stale.add(set);
    }
    set.uses++;
    return set;
  }

  drop(set: GroupSet): void {
    if (--set.uses > 0) return;
    this.sets.delete(set.key);
    this.stale.delete(set);
    this.lanes.setClosed(set);
    for (const group of set.groups) {
      const others = this.indexed(group);
      others.delete(set);
      if (others.size === 0) this.setsWith.delete(group);
    }
    for (const block of Object.values(set.blocks)) this.arena.release(block.offset, block.length);
    this.rows.remove(set.number);
  }

  /** A subject or a clause of a space begins or ceases to name groups. */
  name(space: Space, groups: readonly number[], naming: Naming, change: 'add' | 'remove'): void {
    let byGroup = this.namings.get(space.number);
    if (byGroup === undefined) this.namings.set(space.number, (byGroup = new Map()));
    for (const group of groups) {
      const before = byGroup.get(group) ?? [];
      const after =
        change === 'add' ? [...before, naming] : before.filter(({ list, number }) => list !== naming.list || number !== naming.number);
      if (after.length > 0) byGroup.set(group, after);
      else byGroup.delete(group);
      for (const set of this.setsWith.get(group) ?? []) {
        if (space.tenant === undefined || set.space === space) this.stale.add(set);
      }
      if (space.tenant !== undefined && naming.list === clauseList && this.isPlatform(group)) this.writeForeign(space, group, after);
    }
    if (byGroup.size === 0) this.namings.delete(space.number);
  }

  /** Writes the records of sets that are new or whose groups are named otherwise. */
  *settling(platform: Space): Generator<undefined, void> {
    for (const set of this.stale) {
      this.replace(set, 'own', this.recordOf(set.space, set.groups));
      this.replace(set, 'platform', this.recordOf(platform, set.groups));
      if (set.blocks.foreign.offset === 0) {
        const groups = set.groups.filter(this.isPlatform);
        this.replace(set, 'foreign', [groups.length, ...groups]);
      }
      yield;
    }
    this.stale.clear();
  }

  private indexed(group: number): Set<GroupSet> {
    let sets = this.setsWith.get(group);
    if (sets === undefined) this.setsWith.set(group, (sets = new Set()));
    return sets;
  }

  private recordOf(space: Space, groups: readonly number[]): readonly number[] {
    const byGroup = this.namings.get(space.number);
    const lists: Set<number>[] = [new Set(), new Set(), new Set(), new Set(), new Set()];
    for (const group of groups) for (const { list, number } of byGroup?.get(group) ?? []) lists[list]?.add(number);
    const words: number[] = [];
    let at: number = record.size;
    for (const list of lists) {
      words.push(at);
      at += list.size;
    }
    words.push(at);
    for (const list of lists) words.push(...list);
    return words;
  }

  private replace(set: GroupSet, which: keyof GroupSet['blocks'], content: readonly number[]): void {
    const before = set.blocks[which];
    this.arena.release(before.offset, before.length);
    const offset = this.arena.allocate(content.length);
    this.arena.words.set(content, offset);
    set.blocks[which] = { offset, length: content.length };
    this.rows.set(set.number, classRow[which], offset);
  }

  private writeForeign(space: Space, group: number, namings: readonly Naming[]): void {
    const clauses = namings.filter(({ list }) => list === clauseList).map(({ number }) => number);
    const key = `${space.number}:${group}`;
    const before = this.foreignBlocks.get(key);
    if (before) this.arena.release(before.offset, before.length);
    if (clauses.length === 0) {
      this.foreign.remove([space.number, group]);
      this.foreignBlocks.delete(key);
      return;
    }
    const content = [clauses.length, ...clauses];
    const offset = this.arena.allocate(content.length);
    this.arena.words.set(content, offset);
    this.foreignBlocks.set(key, { offset, length: content.length });
    const slot = this.foreign.insert([space.number, group]);
    this.arena.words[slot + foreignSlot.clauses] = offset;
  }
}
