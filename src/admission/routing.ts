import { parsePrefix, prefixesOverlap } from '../base/addresses.ts';
import type { Prefix } from '../base/addresses.ts';
import type { Draft } from './draft.ts';
import { refusal } from './error.ts';
import { documentKey } from './keys.ts';
import type { DocumentOfKind, Key } from './keys.ts';

type Router = DocumentOfKind<'Router'>;

/** The subnets of a router's networks must not overlap: an address means one place in a routing domain. */
export function checkOverlap(draft: Draft, router: Router): void {
  const blocks: { readonly prefix: Prefix; readonly index: number }[] = [];
  for (const [index, pair] of router.spec.networks.entries()) {
    const network = draft.value(documentKey('Network', pair.tenant, pair.network));
    for (const subnet of network?.spec.subnets ?? []) blocks.push({ prefix: parsePrefix(subnet.cidr), index });
  }
  // Blocks nest or are apart: in this order one that overlaps with an earlier one overlaps with its neighbour or is inside the same outer one.
  blocks.sort((a, b) => a.prefix.family - b.prefix.family || compare(a.prefix.value, b.prefix.value) || a.prefix.length - b.prefix.length);
  let outer = blocks[0];
  for (const block of blocks.slice(1)) {
    if (outer !== undefined && prefixesOverlap(outer.prefix, block.prefix)) throw overlap(router, outer.index, block.index);
    outer = block;
  }
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function overlap(router: Router, a: number, b: number): Error {
  const [first, second] = a < b ? [a, b] : [b, a];
  const name = (index: number): string => router.spec.networks[index]?.network ?? '';
  return refusal(
    'subnet-overlap',
    `/spec/networks/${second}`,
    `has a subnet that overlaps with one of network ${name(first)} in router ${router.metadata.name}`,
  );
}

/** The routers that join a network: one at most, but while a request is being carried out. */
export function routersOf(draft: Draft, network: Key): readonly Router[] {
  return [...draft.working.domains.routersOf(network)].flatMap((key) => draft.value(key) ?? []);
}

/** After a change of a network's subnets. */
export function checkRouterOf(draft: Draft, network: Key): void {
  for (const router of routersOf(draft, network)) checkOverlap(draft, router);
}
