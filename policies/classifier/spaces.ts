import type { Arena } from './arena.ts';
import { header, spaceRow, tableRow } from './layout.ts';
import { PrefixSet } from './prefix-set.ts';
import { Ranks } from './ranks.ts';
import { Rows } from './rows.ts';

/** Tables of the platform's space: two tiers in two directions. A tenant's has two. */
const platformTables = 4;

/** Whoever names groups and writes rules: the platform, or a tenant. */
export interface Space {
  readonly number: number;
  /** Undefined: the platform. */
  readonly tenant: string | undefined;
  readonly prefixes: Readonly<Record<4 | 6, PrefixSet>>;
}

export class Spaces {
  readonly tables: Rows;
  private readonly arena: Arena;
  private readonly rows: Rows;
  private readonly byTenant = new Map<string | undefined, Space>();
  private readonly ranksOf: Ranks[] = [];
  private readonly stale = new Set<PrefixSet>();

  constructor(arena: Arena) {
    this.arena = arena;
    this.rows = new Rows(arena, header.spaces, spaceRow.size);
    this.tables = new Rows(arena, header.tables, tableRow.size);
    this.open(undefined);
  }

  of(tenant: string | undefined): Space {
    return this.byTenant.get(tenant) ?? this.open(tenant);
  }

  known(tenant: string): Space | undefined {
    return this.byTenant.get(tenant);
  }

  /** Nobody has rules or interfaces in it any more. */
  close(space: Space): void {
    for (const set of Object.values(space.prefixes)) {
      set.clear();
      this.stale.delete(set);
    }
    this.byTenant.delete(space.tenant);
    this.rows.remove(space.number);
  }

  /** Writes the prefixes that changed. */
  *settling(): Generator<undefined, void> {
    for (const set of this.stale) {
      set.settle();
      yield;
    }
    this.stale.clear();
  }

  setOpen(space: Space, isOpen: boolean): void {
    this.rows.set(space.number, spaceRow.open, isOpen ? 1 : 0);
  }

  /** `slot` counts the lists of a record. */
  tableOf(space: Space, slot: number): number {
    return space.tenant === undefined ? slot : platformTables + 2 * (space.number - 1) + slot;
  }

  ranks(table: number): Ranks {
    return (this.ranksOf[table] ??= new Ranks());
  }

  private open(tenant: string | undefined): Space {
    const number = this.rows.add();
    const row = (): number => this.rows.offset(number);
    const onStale = (set: PrefixSet): void => void this.stale.add(set);
    const { blocks4, count4, capacity4, index4, blocks6, count6, capacity6 } = spaceRow;
    const space: Space = {
      number,
      tenant,
      prefixes: {
        4: new PrefixSet(this.arena, 4, { blocks: blocks4, count: count4, capacity: capacity4, index: index4 }, row, onStale),
        6: new PrefixSet(this.arena, 6, { blocks: blocks6, count: count6, capacity: capacity6, index: 0 }, row, onStale),
      },
    };
    this.byTenant.set(tenant, space);
    // Rows of tables follow the numbers of spaces, so that readers find one from the other.
    const needed = tenant === undefined ? platformTables : 2;
    if (this.ranksOf.length < this.tableOf(space, 0) + needed) {
      for (let table = 0; table < needed; table++) this.ranksOf[this.tables.add()] = new Ranks();
    }
    return space;
  }
}
