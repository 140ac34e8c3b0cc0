import { parsePrefix, prefixesOverlap } from '../base/addresses.ts';
import type { Prefix } from '../base/addresses.ts';
import type { Draft } from './draft.ts';
import { idOf } from './draft.ts';
import { refusal } from './error.ts';
import { documentKey } from './keys.ts';
import type { DocumentOfKind, Key } from './keys.ts';

type Router = DocumentOfKind<'Router'>;

/** The subnets of a router's networks must not overlap: an address means one place in a routing domain. */
export function checkOverlap(draft: Draft, router: Router): void {
  const found = overlapOf(draft, router);
  if (found === undefined) return;
  const [first, second] = found;
  const detail = `has a subnet that overlaps with one of network ${first.network} in router ${router.metadata.name}`;
  throw refusal('subnet-overlap', `/spec/networks/${router.spec.networks.indexOf(second)}`, detail);
}

type Joined = Router['spec']['networks'][number];

/** Two networks whose subnets overlap, in the order in which the router names them. */
function overlapOf(draft: Draft, router: Router): readonly [Joined, Joined] | undefined {
  const blocks: { readonly prefix: Prefix; readonly index: number }[] = [];
  for (const [index, pair] of router.spec.networks.entries()) {
    const network = draft.value(documentKey('Network', pair.tenant, pair.network));
    for (const subnet of network?.spec.subnets ?? []) blocks.push({ prefix: parsePrefix(subnet.cidr), index });
  }
  // Blocks nest or are apart: in this order one that overlaps with an earlier one overlaps with its neighbour or is inside the same outer one.
  blocks.sort((a, b) => a.prefix.family - b.prefix.family || compare(a.prefix.value, b.prefix.value) || a.prefix.length - b.prefix.length);
  let outer = blocks[0];
  for (const block of blocks.slice(1)) {
    if (outer !== undefined && prefixesOverlap(outer.prefix, block.prefix)) {
      const [first, second] = [outer.index, block.index].toSorted((a, b) => a - b).map((index) => router.spec.networks[index]);
      if (first !== undefined && second !== undefined) return [first, second];
    }
    outer = block;
  }
  return undefined;
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** The routers that join a network: one at most, but while a request is being carried out. */
export function routersOf(draft: Draft, network: Key): readonly Router[] {
  return [...draft.working.domains.routersOf(network)].flatMap((key) => draft.value(key) ?? []);
}

/** After a change of a network's subnets. What other tenants call their routers and networks is not told. */
export function checkRouterOf(draft: Draft, network: Key): void {
  const { tenant, name } = idOf(network);
  for (const router of routersOf(draft, network)) {
    const found = overlapOf(draft, router) ?? [];
    const other = found.find((joined) => joined.tenant !== tenant || joined.network !== name);
    // Two others that overlap were changed themselves and are refused there.
    if (other === undefined || !found.some((joined) => joined.tenant === tenant && joined.network === name)) continue;
    const isOwn = other.tenant === tenant && router.metadata.tenant === tenant;
    const which = isOwn ? `network ${other.network} in router ${router.metadata.name}` : 'another network of a router that joins this one';
    throw refusal('subnet-overlap', '/spec/subnets', `overlap with those of ${which}`);
  }
}
