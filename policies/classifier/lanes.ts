import { WeirError } from '../../src/base/errors.ts';
import type { Arena } from './arena.ts';
import type { GroupSet } from './group-sets.ts';
import { LaneTable } from './lane-table.ts';
import { tableRow } from './layout.ts';
import type { Pair } from './pairs.ts';
import type { Space, Spaces } from './spaces.ts';

const directions = [0, 1] as const;
/** Of all memory that a classifier may have, lanes take so much at most. */
const memoryShare = 4;
/** Tables of fewer rules are searched as fast. */
export const lanesRulesMin = 64;

/** Tells with the addresses of a tenant's interfaces what vectors they have; `outside`: those of an address in no prefix. */
export type Tell = (space: Space, outside: readonly number[]) => Iterable<void>;

interface Standing {
  readonly space: Space;
  readonly pairs: Set<Pair>;
  readonly sets: Set<GroupSet>;
  /** Sets that came after the tables were built. */
  readonly added: Set<GroupSet>;
  /** Empty while something is stale. */
  tables: readonly LaneTable[];
  /** Of the tables. */
  words: number;
}

/**
 * Which tables of tenants are decided by vectors (lane-table.ts): those with so many rules that it pays, and no more than a summary tells of, none of which names a port.
 * A changed rule takes the space's lanes away at once, and they are built anew by `work`, in as many turns as its caller likes; the search decides
 * meanwhile, and where lanes have no answer. So lanes are right or not there.
 */
export class Lanes {
  private readonly arena: Arena;
  private readonly spaces: Spaces;
  private readonly tell: Tell;
  private readonly rulesMin: number;
  private readonly standings = new Map<Space, Standing>();
  private readonly stale = new Set<Standing>();
  private readonly grown = new Set<Standing>();
  /** Of all that is published. */
  private words = 0;
  private building: { readonly standing: Standing; readonly steps: Generator<void, void, void>; readonly tables: LaneTable[] } | undefined;

  constructor(arena: Arena, spaces: Spaces, tell: Tell, rulesMin: number) {
    this.arena = arena;
    this.spaces = spaces;
    this.tell = tell;
    this.rulesMin = rulesMin;
  }

  get usage(): { readonly words: number; readonly tables: number; readonly rules: number } {
    const tables = [...this.standings.values()].flatMap((standing) => standing.tables);
    return { words: this.words, tables: tables.length, rules: tables.reduce((sum, { rules }) => sum + rules, 0) };
  }

  /** Whether `work` has something to do. */
  get isBehind(): boolean {
    return this.stale.size > 0 || this.grown.size > 0;
  }

  pairOpened(pair: Pair): void {
    if (pair.subject.space.tenant !== undefined) this.of(pair.subject.space).pairs.add(pair);
  }

  pairClosed(pair: Pair): void {
    this.standings.get(pair.subject.space)?.pairs.delete(pair);
  }

  setOpened(set: GroupSet): void {
    if (set.space.tenant === undefined) return;
    const standing = this.of(set.space);
    standing.sets.add(set);
    if (standing.tables.length === 0 && this.building?.standing !== standing) return;
    standing.added.add(set);
    if (standing.tables.length > 0) this.grown.add(standing);
  }

  setClosed(set: GroupSet): void {
    const standing = this.standings.get(set.space);
    standing?.sets.delete(set);
    standing?.added.delete(set);
  }

  /** Its rules or what they name are others: within an update. */
  changed(space: Space): void {
    if (space.tenant === undefined) return;
    const standing = this.of(space);
    if (this.stale.has(standing) && this.building?.standing !== standing) return;
    this.withdraw(standing);
    // Behind the others: a space that changes all the time holds up no other.
    this.stale.delete(standing);
    this.stale.add(standing);
  }

  /** Nobody has rules or interfaces in it any more: within an update. */
  closed(space: Space): void {
    const standing = this.standings.get(space);
    if (standing === undefined) return;
    this.withdraw(standing);
    this.stale.delete(standing);
    this.standings.delete(space);
  }

  /** Builds what is stale until `isEnough` says so: asked after each step, which takes a few milliseconds at most. Never within an update. @returns whether more is to be done */
  work(isEnough: () => boolean): boolean {
    while (this.isBehind) {
      this.step();
      if (isEnough()) break;
    }
    return this.isBehind;
  }

  private step(): void {
    const [grown] = this.grown;
    if (grown !== undefined) {
      this.grow(grown);
      return;
    }
    const [standing] = this.stale;
    if (standing === undefined) return;
    this.building ??= this.begin(standing);
    const { building } = this;
    let isDone = false;
    const hasRoom = this.attempt(() => void (isDone = building.steps.next().done === true)) && !this.isFull;
    if (hasRoom && !isDone) return;
    // What is too large is tried again when it has changed.
    if (hasRoom) this.publish(building.standing, building.tables);
    else this.withdraw(building.standing);
    this.building = undefined;
    this.stale.delete(building.standing);
  }

  /** One set more; what it needs may be too much with all that it had before, which is built anew then. */
  private grow(standing: Standing): void {
    const [set] = standing.added;
    this.arena.write(() => {
      const isIn = this.attempt(() => standing.tables.forEach((table) => set && table.addSet(set)));
      this.count(standing);
      if (!isIn || this.isFull) this.changed(standing.space);
    });
    if (set) standing.added.delete(set);
    if (standing.added.size === 0) this.grown.delete(standing);
  }

  /** @returns whether there was memory for it */
  private attempt(act: () => void): boolean {
    try {
      act();
      return true;
    } catch (thrown) {
      if (thrown instanceof WeirError && thrown.code === 'classifier-full') return false;
      throw thrown;
    }
  }

  private begin(standing: Standing): NonNullable<Lanes['building']> {
    const tables: LaneTable[] = [];
    return { standing, tables, steps: this.steps(standing, tables) };
  }

  private *steps(standing: Standing, tables: LaneTable[]): Generator<void, void, void> {
    const { space, sets } = standing;
    for (const direction of directions) {
      const table = this.spaces.tableOf(space, direction);
      yield;
      const pairs = [...standing.pairs].filter(({ subject }) => subject.table === table);
      if (!LaneTable.serves(pairs, this.rulesMin)) continue;
      yield;
      const lanes = new LaneTable(this.arena, direction, pairs);
      tables.push(lanes);
      yield;
      yield* lanes.build(space, sets);
    }
    const outside = directions.map((direction) => tables.find((table) => table.direction === direction)?.outside ?? 0);
    if (tables.length > 0) yield* this.tell(space, outside);
  }

  private publish(standing: Standing, tables: readonly LaneTable[]): void {
    standing.tables = tables;
    this.count(standing);
    if (tables.length > 0 && standing.added.size > 0) this.grown.add(standing);
    this.arena.write(() => {
      for (const { direction, offset } of tables)
        this.spaces.tables.set(this.spaces.tableOf(standing.space, direction), tableRow.lanes, offset);
    });
  }

  private withdraw(standing: Standing): void {
    const isBuilt = this.building?.standing === standing;
    for (const table of [...standing.tables, ...(isBuilt ? (this.building?.tables ?? []) : [])]) table.vectors.release();
    if (isBuilt) this.building = undefined;
    for (const direction of directions) this.spaces.tables.set(this.spaces.tableOf(standing.space, direction), tableRow.lanes, 0);
    standing.tables = [];
    this.count(standing);
    standing.added.clear();
    this.grown.delete(standing);
  }

  private get isFull(): boolean {
    const building = this.building?.tables.reduce((sum, { vectors }) => sum + vectors.words, 0) ?? 0;
    return this.words + building > this.arena.wordsMax / memoryShare;
  }

  private count(standing: Standing): void {
    const words = standing.tables.reduce((sum, { vectors }) => sum + vectors.words, 0);
    this.words += words - standing.words;
    standing.words = words;
  }

  private of(space: Space): Standing {
    let standing = this.standings.get(space);
    if (standing === undefined) {
      standing = { space, pairs: new Set(), sets: new Set(), added: new Set(), tables: [], words: 0 };
      this.standings.set(space, standing);
    }
    return standing;
  }
}
