import { resolveName } from '../../model/scope.ts';
import { scopedText } from '../../selectors/index.ts';
import type { World } from '../../selectors/index.ts';

/** Routers read between one yield and the next. */
const routersAtOnce = 200;

/** Which networks reach each other in one world. Only routers are read in advance. */
export class Domains {
  readonly #world: World;
  readonly #routers: ReadonlyMap<string, string>;
  readonly #networks: ReadonlyMap<string, readonly string[]>;

  private constructor(world: World, routers: ReadonlyMap<string, string>, networks: ReadonlyMap<string, readonly string[]>) {
    this.#world = world;
    this.#routers = routers;
    this.#networks = networks;
  }

  static *read(world: World): Generator<undefined, Domains> {
    const routers = new Map<string, string>();
    const networks = new Map<string, readonly string[]>();
    let read = 0;
    for (const { document } of world.list('Router')) {
      const router = `router ${scopedText({ tenant: document.metadata.tenant, name: document.metadata.name })}`;
      const own = document.spec.networks.map(({ tenant, network }) => scopedText({ tenant, name: network }));
      for (const network of own) routers.set(network, router);
      networks.set(router, own);
      if (++read % routersAtOnce === 0) yield;
    }
    return new Domains(world, routers, networks);
  }

  /** In a world that has the same routers. */
  of(world: World): Domains {
    return new Domains(world, this.#routers, this.#networks);
  }

  /** `reference` is what an interface of `tenant` writes: `NAME` or `TENANT/NAME`. */
  domainOf(tenant: string, reference: string): string {
    const network = scopedText(resolveName(tenant, reference));
    return this.#routers.get(network) ?? `network ${network}`;
  }

  /** Where a tenant has interfaces. */
  ofTenant(tenant: string): ReadonlySet<string> {
    const domains = new Set<string>();
    for (const { document } of this.#world.list('Vm', tenant)) {
      for (const item of document.spec.interfaces) domains.add(this.domainOf(tenant, item.network));
    }
    return domains;
  }

  /** Who may have interfaces in a domain: the owners of its networks, and those with whom they are shared. */
  tenantsIn(domain: string): ReadonlySet<string> {
    const networks = this.#networks.get(domain) ?? [domain.replace(/^network /, '')];
    const tenants = new Set<string>();
    for (const network of networks) {
      const { tenant, name } = resolveName(undefined, network);
      if (tenant === undefined) continue;
      tenants.add(tenant);
      for (const other of this.#world.get('Network', tenant, name)?.document.spec.sharedWith ?? []) tenants.add(other);
    }
    return tenants;
  }
}
