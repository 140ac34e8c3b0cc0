import type { VmSpec } from '../../../policies/model/index.ts';
import { resolveName } from '../../../policies/model/index.ts';
import { documentKey } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';
import { Holders } from './holders.ts';

/** Who has an address or a MAC. */
export interface Occupant {
  readonly vm: Key;
  readonly interface: string;
}

type Occupants = Holders<string, Occupant>;

/** Addresses and MACs by network, and how many interfaces have a MAC over all networks. */
export class Occupancy {
  readonly #addresses = new Map<Key, Occupants>();
  readonly #macs = new Map<Key, Occupants>();
  readonly #everywhere = new Map<string, number>();

  change(key: Key, before: DocumentOfKind<'Vm'> | undefined, after: DocumentOfKind<'Vm'> | undefined): void {
    if (before !== undefined) for (const entry of before.spec.interfaces) this.#remove(before.metadata.tenant, key, entry);
    if (after !== undefined) for (const entry of after.spec.interfaces) this.#add(after.metadata.tenant, key, entry);
  }

  addressesOf(network: Key): ReadonlyMap<string, Occupant> {
    return this.#addresses.get(network)?.all ?? nobody;
  }

  macsOf(network: Key): ReadonlyMap<string, Occupant> {
    return this.#macs.get(network)?.all ?? nobody;
  }

  hasMac(mac: string): boolean {
    return this.#everywhere.has(mac);
  }

  #add(tenant: string | undefined, vm: Key, entry: VmSpec['interfaces'][number]): void {
    const network = networkKeyOf(tenant, entry.network);
    const occupant: Occupant = { vm, interface: entry.name };
    for (const address of entry.addresses) holdersOf(this.#addresses, network).add(address, occupant);
    if (entry.mac === '') return;
    holdersOf(this.#macs, network).add(entry.mac, occupant);
    this.#everywhere.set(entry.mac, (this.#everywhere.get(entry.mac) ?? 0) + 1);
  }

  #remove(tenant: string | undefined, vm: Key, entry: VmSpec['interfaces'][number]): void {
    const network = networkKeyOf(tenant, entry.network);
    const occupant: Occupant = { vm, interface: entry.name };
    for (const address of entry.addresses) release(this.#addresses, network, address, occupant);
    if (entry.mac === '') return;
    release(this.#macs, network, entry.mac, occupant);
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

function holdersOf(networks: Map<Key, Occupants>, network: Key): Occupants {
  const present = networks.get(network) ?? new Holders<string, Occupant>((a, b) => a.vm === b.vm);
  networks.set(network, present);
  return present;
}

function release(networks: Map<Key, Occupants>, network: Key, value: string, occupant: Occupant): void {
  const holders = networks.get(network);
  holders?.remove(value, occupant);
  if (holders?.all.size === 0) networks.delete(network);
}
