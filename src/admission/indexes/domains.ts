import { portKey, portOfKey } from '../../../policies/selectors/index.ts';
import { documentKey } from '../keys.ts';
import type { DocumentOfKind, Key } from '../keys.ts';
import { changeIn, Counts } from './counts.ts';
import { networkKeyOf } from './occupancy.ts';

type Router = DocumentOfKind<'Router'>;
type Vm = DocumentOfKind<'Vm'>;
type NetworkKey = Key<DocumentOfKind<'Network'>>;

/**
 * What an interface adds to its network: its tenant's presence, by the tenant's name, and the ports that it declares, by
 * `portKey`. Only the latter have a colon.
 */
export type Trait = string;

/** Traits by network, and how many interfaces more (or fewer) have each. Nothing is 0. */
export type Difference = ReadonlyMap<NetworkKey, ReadonlyMap<Trait, number>>;

/** Who has interfaces in which network, what they declare there, and which networks are one routing domain. */
export class Domains {
  readonly #routers = new Map<Key, Map<Key<Router>, readonly NetworkKey[]>>();
  readonly #tenants = new Map<Key, Counts>();
  readonly #networks = new Map<string, Counts>();
  /** By network and port name. */
  readonly #ports = new Map<string, Counts>();
  /** By port name, everywhere. */
  readonly #values = new Map<string, Counts>();

  changeRouter(key: Key<Router>, before: Router | undefined, after: Router | undefined): void {
    for (const network of networksJoined(before)) {
      const routers = this.#routers.get(network);
      routers?.delete(key);
      if (routers?.size === 0) this.#routers.delete(network);
    }
    const networks = networksJoined(after);
    for (const network of networks) {
      const routers = this.#routers.get(network) ?? new Map<Key<Router>, readonly NetworkKey[]>();
      routers.set(key, networks);
      this.#routers.set(network, routers);
    }
  }

  /** Answers the port names that stand for other numbers now than before, wherever that is. */
  changeVm(before: Vm | undefined, after: Vm | undefined): ReadonlySet<string> {
    const renumbered = new Set<string>();
    for (const [network, traits] of differenceOf(before, after)) {
      for (const [trait, by] of traits) {
        const declared = portOfKey(trait);
        if (declared === undefined) {
          changeIn(this.#tenants, network, trait, by);
          changeIn(this.#networks, trait, network, by);
          continue;
        }
        const { name } = declared;
        const known = this.#values.get(name)?.of(trait) ?? 0;
        if (known > 0 !== known + by > 0) renumbered.add(name);
        changeIn(this.#ports, placeOf(network, name), trait, by);
        changeIn(this.#values, name, trait, by);
      }
    }
    return renumbered;
  }

  routersOf(network: Key): Iterable<Key<Router>> {
    return this.#routers.get(network)?.keys() ?? none;
  }

  /** The networks of a network's routing domain, itself first; while a request is carried out, those of every router that joins it. */
  around(network: NetworkKey): ReadonlySet<NetworkKey> {
    return new Set([network, ...[...(this.#routers.get(network)?.values() ?? none)].flat()]);
  }

  networksOf(tenant: string): Iterable<NetworkKey> {
    return this.#networks.get(tenant)?.keys() ?? none;
  }

  tenantsAt(network: Key): Iterable<string> {
    return this.#tenants.get(network)?.keys() ?? none;
  }

  /** How many interfaces of the network have the trait. */
  count(network: Key, trait: Trait): number {
    const declared = portOfKey(trait);
    const counts = declared === undefined ? this.#tenants.get(network) : this.#ports.get(placeOf(network, declared.name));
    return counts?.of(trait) ?? 0;
  }

  /** The ports that interfaces of the network declare by this name, as `portKey` writes them. */
  declaredAt(network: Key, name: string): Iterable<Trait> {
    return this.#ports.get(placeOf(network, name))?.keys() ?? none;
  }

  /** The same in all networks together. */
  declaredAnywhere(name: string): Iterable<Trait> {
    return this.#values.get(name)?.keys() ?? none;
  }
}

const none: readonly never[] = [];

const placeOf = (network: Key, name: string): string => `${network} ${name}`;

export const networksJoined = (router: Router | undefined): readonly NetworkKey[] =>
  (router?.spec.networks ?? []).map((pair) => documentKey('Network', pair.tenant, pair.network));

export function differenceOf(before: Vm | undefined, after: Vm | undefined): Difference {
  const difference = new Map<NetworkKey, Map<Trait, number>>();
  if (before?.spec.interfaces === after?.spec.interfaces) return difference;
  addTraits(difference, before, -1);
  addTraits(difference, after, 1);
  return difference;
}

function addTraits(difference: Map<NetworkKey, Map<Trait, number>>, vm: Vm | undefined, by: 1 | -1): void {
  const tenant = vm?.metadata.tenant;
  if (vm === undefined || tenant === undefined) return;
  for (const entry of vm.spec.interfaces) {
    const network = networkKeyOf(tenant, entry.network);
    const traits = difference.get(network) ?? new Map<Trait, number>();
    const ports = Object.entries(entry.ports).map(([name, { protocol, port }]) => portKey({ name, protocol, port }));
    for (const trait of [tenant, ...ports]) {
      const sum = (traits.get(trait) ?? 0) + by;
      if (sum === 0) traits.delete(trait);
      else traits.set(trait, sum);
    }
    if (traits.size === 0) difference.delete(network);
    else difference.set(network, traits);
  }
}
