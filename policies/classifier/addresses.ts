import type { Address } from '../../src/base/addresses.ts';
import type { Arena } from './arena.ts';
import { HashTable } from './hash-table.ts';
import { address4Slot, address6Slot, header } from './layout.ts';
import { addressWords } from './words.ts';

/** Who has an address in which routing domain. */
export interface Holder {
  readonly tenant: string;
  readonly vm: string;
  readonly interface: string;
  readonly number: number;
  readonly domain: number;
  readonly address: Address;
  /** Position in its VM, by interface and then by address. */
  readonly position: number;
}

/** All holders of an address, by tenant, VM and position; for readers the first of each domain. */
export class Addresses {
  private readonly arena: Arena;
  private readonly tables: Readonly<Record<4 | 6, HashTable>>;
  private readonly holders: Readonly<Record<4 | 6, Map<bigint, Holder[]>>> = { 4: new Map(), 6: new Map() };

  constructor(arena: Arena) {
    this.arena = arena;
    this.tables = {
      4: new HashTable(arena, { at: header.addresses4, slotSize: address4Slot.size, keySize: 2 }),
      6: new HashTable(arena, { at: header.addresses6, slotSize: address6Slot.size, keySize: 5 }),
    };
  }

  of({ family, value }: Address): readonly Holder[] {
    return this.holders[family].get(value) ?? [];
  }

  add(holder: Holder): void {
    const { family, value } = holder.address;
    const all = this.holders[family].get(value);
    if (all === undefined) this.holders[family].set(value, [holder]);
    else all.splice(positionIn(all, holder), 0, holder);
    const isFirst = this.tables[family].find(keyOf(holder)) === 0;
    this.publish(holder, isFirst ? holder : this.first(holder));
  }

  remove(holder: Holder): void {
    const { family, value } = holder.address;
    const all = this.holders[family].get(value) ?? [];
    const position = all.indexOf(holder);
    if (position >= 0) all.splice(position, 1);
    if (all.length === 0) this.holders[family].delete(value);
    this.publish(holder, this.first(holder));
  }

  /** The slot that readers find an IPv4 address in, when it is this holder whose address they take it for; 0: none. */
  slotOf(holder: Holder): number {
    if (holder.address.family !== 4) return 0;
    const slot = this.tables[4].find(keyOf(holder));
    return slot !== 0 && this.arena.words[slot + address4Slot.interface] === holder.number ? slot : 0;
  }

  /** What was told with its slot stands no more. */
  forget(holder: Holder): void {
    const slot = this.slotOf(holder);
    if (slot !== 0) this.arena.words[slot + address4Slot.space] = 0;
  }

  private first({ address, domain }: Holder): Holder | undefined {
    return this.of(address).find((holder) => holder.domain === domain);
  }

  /** Whose address readers take it for, in one domain. */
  private publish(holder: Holder, first: Holder | undefined): void {
    const { family } = holder.address;
    const table = this.tables[family];
    const key = keyOf(holder);
    if (first === undefined) return table.remove(key);
    const slot = table.insert(key);
    this.arena.words[slot + (family === 4 ? address4Slot.interface : address6Slot.interface)] = first.number;
    if (family === 4) this.arena.words[slot + address4Slot.space] = 0;
  }
}

const keyOf = ({ domain, address }: Pick<Holder, 'domain' | 'address'>): readonly number[] => [domain, ...addressWords(address)];

/** Where a holder belongs among the others, which are many when tenants have the same addresses. */
function positionIn(all: readonly Holder[], added: Holder): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(all[middle] ?? added, added) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(a: Holder, b: Holder): number {
  if (a.tenant !== b.tenant) return a.tenant < b.tenant ? -1 : 1;
  if (a.vm !== b.vm) return a.vm < b.vm ? -1 : 1;
  return a.position - b.position;
}
