import { addressesFrom } from './address-line.ts';
import type { Addresses } from './address-line.ts';
import { addressRows } from './address-rows.ts';
import type { AddressRows } from './address-rows.ts';
import type { Bits } from './bits.ts';
import { BoxSide } from './box-rows.ts';
import type { RuleRecord } from './rule-record.ts';
import type { RowTable } from './row-table.ts';
import { Scratch } from './scratch.ts';
import { ServiceRows } from './service-rows.ts';

/** Addresses that are remembered because they were asked about. */
const pointsMax = 20_000;

export type Purpose = 'meeting' | 'opposing' | 'containing' | 'within' | 'peers4' | 'peers6' | 'groups' | 'rest';

/** The rules of a scope by each of the sets that they consist of, with rows of bits that say how they stand to sets that are asked about. */
export class RuleTables {
  readonly locals: BoxSide;
  readonly groups: BoxSide;
  readonly blocks: RowTable<Addresses, AddressRows>;
  readonly services: ServiceRows;
  readonly scratch: Scratch<Purpose>;
  readonly #words: () => number;
  /** Those whose members somebody has asked for by address, by them. */
  #members: RowTable<Addresses, AddressRows> | undefined;
  readonly #points = new Map<bigint, Addresses>();

  constructor(words: () => number, rules: Iterable<readonly [rule: RuleRecord, slot: number]>) {
    this.#words = words;
    this.locals = new BoxSide(words);
    this.groups = new BoxSide(words);
    this.blocks = addressRows(words);
    this.services = new ServiceRows(words);
    this.scratch = new Scratch(words);
    for (const [rule, slot] of rules) this.add(rule, slot);
  }

  add(rule: RuleRecord, slot: number): void {
    const { local, peers, services } = rule.space;
    this.locals.add(local.value.boxes, slot);
    this.groups.add(peers.value.boxes, slot);
    if (this.#members) addMembers(this.#members, rule, slot);
    if (peers.value.addresses.all.length > 0) this.blocks.add(peers.value.addresses, slot);
    this.services.add(services.value, slot);
  }

  /** Its bits stay in the rows until they are swept. */
  remove({ space: { local, peers, services } }: RuleRecord, slot: number): void {
    this.locals.remove(local.value.boxes, slot);
    this.groups.remove(peers.value.boxes, slot);
    for (const { members } of peers.value.groups) if (members !== undefined) this.#members?.remove(members, slot);
    if (peers.value.addresses.all.length > 0) this.blocks.remove(peers.value.addresses, slot);
    this.services.remove(services.value, slot);
  }

  /** The rules with the address in one of their blocks. */
  at(address: bigint): Bits {
    let addresses = this.#points.get(address);
    if (this.#points.size > pointsMax) this.#points.clear();
    if (addresses === undefined) this.#points.set(address, (addresses = addressesFrom([address, address])));
    return this.blocks.rowsOf(addresses)[addresses.in[4].length > 0 ? 4 : 6].overlap;
  }

  /** The rules by the present members of their groups. `rules`: all that there are. */
  byMembers(rules: Iterable<readonly [rule: RuleRecord, slot: number]>): RowTable<Addresses, AddressRows> {
    if (this.#members !== undefined) return this.#members;
    this.#members = addressRows(this.#words);
    for (const [rule, slot] of rules) addMembers(this.#members, rule, slot);
    return this.#members;
  }

  /** Takes the bits of all other rules out. */
  *sweep(live: Bits): Generator<undefined, void> {
    for (const rows of [this.locals, this.groups, this.blocks, this.#members, this.services]) if (rows) yield* rows.sweep(live);
  }
}

function addMembers(table: RowTable<Addresses, AddressRows>, { space }: RuleRecord, slot: number): void {
  for (const { members } of space.peers.value.groups) if (members !== undefined) table.add(members, slot);
}
