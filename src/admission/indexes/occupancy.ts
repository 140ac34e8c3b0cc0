import type { VmSpec } from '../../../policies/model/index.ts';
import { resolveName } from '../../../policies/model/index.ts';
import { documentKey } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';

/** Who has an address or a MAC. */
export interface Occupant {
  readonly vm: Key;
  readonly interface: string;
}

/** Addresses and MACs by network, and how many interfaces have a MAC over all networks. */
export class Occupancy {
  readonly #addresses = new Map<Key, Map<string, Occupant>>();
  readonly #macs = new Map<Key, Map<string, Occupant>>();
  readonly #everywhere = new Map<string, number>();

  change(key: Key, before: DocumentOfKind<'Vm'> | undefined, after: DocumentOfKind<'Vm'> | undefined): void {
    if (before !== undefined) for (const entry of before.spec.interfaces) this.#remove(before.metadata.tenant, key, entry);
    if (after !== undefined) for (const entry of after.spec.interfaces) this.#add(after.metadata.tenant, key, entry);
  }

  addressesOf(network: Key): ReadonlyMap<string, Occupant> {
    return this.#addresses.get(network) ?? nobody;
  }

  macsOf(network: Key): ReadonlyMap<string, Occupant> {
    return this.#macs.get(network) ?? nobody;
  }

  hasMac(mac: string): boolean {
    return this.#everywhere.has(mac);
  }

  #add(tenant: string | undefined, vm: Key, entry: VmSpec['interfaces'][number]): void {
    const network = networkKeyOf(tenant, entry.network);
    const occupant: Occupant = { vm, interface: entry.name };
    for (const address of entry.addresses) mapOf(this.#addresses, network).set(address, occupant);
    if (entry.mac === '') return;
    mapOf(this.#macs, network).set(entry.mac, occupant);
    this.#everywhere.set(entry.mac, (this.#everywhere.get(entry.mac) ?? 0) + 1);
  }

  #remove(tenant: string | undefined, vm: Key, entry: VmSpec['interfaces'][number]): void {
    const network = networkKeyOf(tenant, entry.network);
    for (const address of entry.addresses) dropOf(this.#addresses, network, address, vm);
    if (entry.mac === '') return;
    dropOf(this.#macs, network, entry.mac, vm);
    const left = (this.#everywhere.get(entry.mac) ?? 1) - 1;
    if (left === 0) this.#everywhere.delete(entry.mac);
    else this.#everywhere.set(entry.mac, left);
  }
}

const nobody: ReadonlyMap<string, Occupant> = new Map();

export function networkKeyOf(tenant: string | undefined, reference: string): Key<DocumentOfKind<'Network'>> {
  const network = resolveName(tenant, reference);
  return documentKey('Network', network.tenant, network.name);
}

function mapOf(maps: Map<Key, Map<string, Occupant>>, network: Key): Map<string, Occupant> {
  const present = maps.get(network);
  if (present !== undefined) return present;
  const added = new Map<string, Occupant>();
  maps.set(network, added);
  return added;
}

function dropOf(maps: Map<Key, Map<string, Occupant>>, network: Key, value: string, vm: Key): void {
  const map = maps.get(network);
  if (map?.get(value)?.vm !== vm) return;
  map.delete(value);
  if (map.size === 0) maps.delete(network);
}
