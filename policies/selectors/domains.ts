import { resolveName } from '../model/scope.ts';
import { scopedText } from './groups.ts';
import type { World } from './world.ts';

/** The routing domain of a network by name: its router, or itself when it stands alone. */
export type DomainOf = (tenant: string, reference: string) => string;

/** `reference` is what an interface of `tenant` writes: `NAME` or `TENANT/NAME`. Reads every router once. */
export function routingDomains(world: Pick<World, 'list'>): DomainOf {
  const routers = new Map<string, string>();
  for (const { document } of world.list('Router')) {
    const router = scopedText({ tenant: document.metadata.tenant, name: document.metadata.name });
    for (const { tenant, network } of document.spec.networks) routers.set(scopedText({ tenant, name: network }), `router ${router}`);
  }
  return (tenant, reference) => {
    const network = scopedText(resolveName(tenant, reference));
    return routers.get(network) ?? `network ${network}`;
  };
}
