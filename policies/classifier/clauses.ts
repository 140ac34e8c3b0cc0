import { formatPrefix } from '../../src/base/addresses.ts';
import { tableRow } from './layout.ts';
import { clauseList } from './group-sets.ts';
import type { GroupSets } from './group-sets.ts';
import type { Lanes } from './lanes.ts';
import type { Clause, Pairs, Peers, Subject } from './pairs.ts';
import type { Space, Spaces } from './spaces.ts';

interface Used<T> {
  readonly value: T;
  uses: number;
}

/** The subjects and clauses in use: equal ones of one table, or of one space, are one. */
export class Clauses {
  private readonly spaces: Spaces;
  private readonly sets: GroupSets;
  private readonly pairs: Pairs;
  private readonly lanes: Lanes;
  private readonly subjects = new Map<string, Used<Subject>>();
  private readonly clauses = new Map<string, Used<Clause>>();

  constructor(spaces: Spaces, sets: GroupSets, pairs: Pairs, lanes: Lanes) {
    this.spaces = spaces;
    this.sets = sets;
    this.pairs = pairs;
    this.lanes = lanes;
  }

  /** `groups` ascending; undefined: every interface. `slot` is the table's list in records. */
  useSubject(space: Space, slot: number, groups: readonly number[] | undefined): Subject {
    const table = this.spaces.tableOf(space, slot);
    const key = subjectKey(table, groups);
    let used = this.subjects.get(key);
    if (used === undefined) {
      used = { value: this.pairs.openSubject(table, space, groups), uses: 0 };
      this.subjects.set(key, used);
      if (groups === undefined) this.spaces.tables.set(table, tableRow.anything, used.value.number + 1);
      else this.sets.name(space, groups, { list: slot, number: used.value.number }, 'add');
    }
    used.uses++;
    return used.value;
  }

  dropSubject(space: Space, slot: number, groups: readonly number[] | undefined): void {
    const table = this.spaces.tableOf(space, slot);
    const key = subjectKey(table, groups);
    const used = this.subjects.get(key);
    if (used === undefined || --used.uses > 0) return;
    this.subjects.delete(key);
    if (groups === undefined) this.spaces.tables.set(table, tableRow.anything, 0);
    else this.sets.name(space, groups, { list: slot, number: used.value.number }, 'remove');
    this.pairs.closeSubject(used.value);
  }

  useClause(space: Space, peers: Peers): Clause {
    const key = clauseKey(space, peers);
    let used = this.clauses.get(key);
    if (used === undefined) {
      used = { value: this.pairs.openClause(peers), uses: 0 };
      this.clauses.set(key, used);
      this.lanes.changed(space);
      this.sets.name(space, peers?.groups ?? [], { list: clauseList, number: used.value.number }, 'add');
      for (const prefix of peers?.prefixes ?? []) space.prefixes[prefix.family].add(prefix, used.value);
    }
    used.uses++;
    return used.value;
  }

  dropClause(space: Space, peers: Peers): void {
    const key = clauseKey(space, peers);
    const used = this.clauses.get(key);
    if (used === undefined || --used.uses > 0) return;
    this.clauses.delete(key);
    this.lanes.changed(space);
    this.sets.name(space, peers?.groups ?? [], { list: clauseList, number: used.value.number }, 'remove');
    for (const prefix of peers?.prefixes ?? []) space.prefixes[prefix.family].remove(prefix, used.value);
    this.pairs.closeClause(used.value);
  }
}

const subjectKey = (table: number, groups: readonly number[] | undefined): string => `${table}:${groups?.join(',') ?? '*'}`;

const peersText = (peers: Peers): string =>
  peers === undefined ? '*' : `${peers.groups.join(',')}|${peers.prefixes.map(formatPrefix).join(',')}`;

const clauseKey = (space: Space, peers: Peers): string => `${space.number}:${peersText(peers)}`;
