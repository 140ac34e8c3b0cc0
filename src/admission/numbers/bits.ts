import { groupBits, usesSets } from '../../../policies/index.ts';
import { portOfKey } from '../../../policies/selectors/index.ts';
import type { Scoped, TenantNumbers } from '../../../policies/model/index.ts';
import type { Draft } from '../draft.ts';
import { refusal } from '../error.ts';
import type { Named } from '../indexes/named.ts';
import { documentKey, tenantCursorKey, tenantNumbersKey } from '../keys.ts';
import { concerns } from './reach.ts';
import { staleBits } from './stale.ts';
import type { Place, Stale } from './stale.ts';

/**
 * How many groups and numbers of named ports the rules for one tenant can tell apart: by bits up to the first figure, by numbered sets
 * up to the second. A tenant goes back to bits when it has become few enough that it will not soon be back.
 */
const bitsMax = groupBits;
const numbersMax = 4_096;
const bitsAgain = 96;
/** Views are counted modulo this. */
const views = 16;

interface Wanted {
  readonly key: string;
  readonly isNeeded: boolean;
  readonly place: Place;
}

/**
 * Gives each tenant a number for each group of interfaces that its rules name and for each number that a port named by them has
 * in the tenant's routing domains; takes back the numbers of what is no longer so. Called when every document of the
 * request is in place, so that what one document frees another can have. What is freed is reused only when nothing else is left.
 */
export function settleBits(draft: Draft): void {
  for (const [tenant, stale] of staleBits(draft)) syncBits(draft, tenant, stale);
}

function syncBits(draft: Draft, tenant: string, stale: Stale): void {
  const numbersKey = tenantNumbersKey(tenant);
  const numbers = draft.value(numbersKey);
  if (numbers === undefined) return;
  const bits = new Map(Object.entries(numbers.groups));
  const freed = [...(draft.value(tenantCursorKey(tenant))?.freed ?? [])];
  const wanted = [...wantedGroups(draft, tenant, stale), ...wantedPorts(draft, tenant, stale, bits)];
  const gone = wanted.filter(({ key, isNeeded }) => !isNeeded && bits.has(key));
  const come = wanted.filter(({ key, isNeeded }) => isNeeded && !bits.has(key));
  if (gone.length + come.length === 0) return;
  for (const { key } of gone) {
    freed.push(bits.get(key) ?? 0);
    bits.delete(key);
  }
  const view = viewFor(numbers, bits.size + come.length);
  const isTurned = view !== (numbers.view ?? 0);
  // Nothing of another view reads these numbers.
  if (isTurned) freed.length = 0;
  if (isTurned && !usesSets({ view })) for (const [number, [key]] of byNumber(bits).entries()) bits.set(key, number);
  const limit = usesSets({ view }) ? numbersMax : bitsMax;
  for (const { key, place } of come)
    bits.set(
      key,
      draft.at(place.document, () => takeBit(tenant, key, place, { bits, freed, limit })),
    );
  draft.weigh(tenant);
  draft.write(numbersKey, { tenant: numbers.tenant, groups: Object.fromEntries(byNumber(bits)), ...(view === 0 ? {} : { view }) });
  draft.write(tenantCursorKey(tenant), freed.length === 0 ? undefined : { freed });
}

const byNumber = (bits: ReadonlyMap<string, number>): [string, number][] => [...bits].toSorted(([, a], [, b]) => a - b);

/** The present view, or the next one when the groups have become too many for bits, or few enough. */
function viewFor(numbers: TenantNumbers, count: number): number {
  const view = numbers.view ?? 0;
  const isTurned = usesSets(numbers) ? count <= bitsAgain : count > bitsMax;
  return isTurned ? (view + 1) % views : view;
}

interface Numbering {
  readonly bits: ReadonlyMap<string, number>;
  readonly freed: number[];
  readonly limit: number;
}

function takeBit(tenant: string, key: string, place: Place, { bits, freed, limit }: Numbering): number {
  const known = new Set([...bits.values(), ...freed]);
  for (let bit = 0; bit < limit; bit++) if (!known.has(bit)) return bit;
  const oldest = freed.shift();
  if (oldest !== undefined) return oldest;
  const port = portOfKey(key);
  const more = port === undefined ? 'a group more' : `one number more for the port name ${port.name} (${port.protocol} ${port.port})`;
  // What another tenant's rules name is not for the owner of this document to know.
  const whose = place.owner === undefined || place.owner === tenant ? `tenant ${tenant}` : 'a tenant that it reaches';
  throw refusal(
    'flow-budget',
    place.pointer,
    `brings ${more}: the rules for ${whose} tell ${numbersMax} groups and numbers of named ports apart already, and more are not possible; let rules name fewer groups, or one group in the place of several`,
  );
}

function* wantedGroups(draft: Draft, tenant: string, { groups }: Stale): Generator<Wanted> {
  for (const [key, { group, place }] of groups) yield { key, isNeeded: isGroupNeeded(draft, tenant, group), place };
}

/** A group of CIDRs has no interfaces: rules carry its blocks. */
function isGroupNeeded(draft: Draft, tenant: string, group: Scoped): boolean {
  const key = documentKey('Group', group.tenant, group.name);
  return draft.value(key)?.spec.members.kind === 'selector' && isNamed(draft, tenant, draft.working.named.groups, key);
}

/** In an order that depends on nothing but what is stored. */
function* wantedPorts(draft: Draft, tenant: string, { ports }: Stale, bits: ReadonlyMap<string, number>): Generator<Wanted> {
  if (ports.size === 0) return;
  const { domains, named } = draft.working;
  const networks = new Set([...domains.networksOf(tenant)].flatMap((network) => [...domains.around(network)]));
  for (const [name, place] of [...ports].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const present = [...bits.keys()].filter((key) => portOfKey(key)?.name === name);
    const declared = isNamed(draft, tenant, named.ports, name)
      ? [...networks].flatMap((network) => [...domains.declaredAt(network, name)])
      : [];
    const needed = new Set(declared);
    for (const key of new Set([...present, ...declared].toSorted())) yield { key, isNeeded: needed.has(key), place };
  }
}

/** Whether a rule that is judged for the tenant's interfaces names it. */
function isNamed(draft: Draft, tenant: string, named: Named, name: string): boolean {
  if (named.policies(tenant, name).size > 0) return true;
  for (const key of named.policies(undefined, name)) {
    const policy = draft.value(key);
    if (policy !== undefined && concerns(draft, policy, tenant)) return true;
  }
  return false;
}
