import { formatAddress, parseAddress, refuseMapped } from '../../src/base/addresses.ts';
import type { Address, Family } from '../../src/base/addresses.ts';
import { WeirError } from '../../src/base/errors.ts';
import type { VmInterface } from '../model/kinds.ts';
import { routingDomains } from '../selectors/index.ts';
import type { DomainOf, VmDocument, World } from '../selectors/index.ts';
import { protocolFamily } from './packet.ts';
import type { End, Packet, Protocol, Question } from './packet.ts';

/** As users ask. `from` and `to` are `vm`, `vm/interface` or an address; with no tenant `tenant/vm` or `tenant/vm/interface`. */
export interface Asked {
  readonly from: string;
  readonly to: string;
  readonly protocol: Protocol;
  readonly port?: number;
  readonly type?: number;
  readonly code?: number;
  readonly family?: Family;
}

/** A question that cannot be asked, and which of its fields says so. `code`: `malformed` or `reference-missing`. */
class QuestionError extends WeirError {
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[];

  constructor(code: string, field: keyof Asked, detail: string) {
    super(code, detail);
    this.errors = [{ pointer: `/${field}`, detail }];
  }
}

/** What a name can mean: an interface with one of its addresses, or an address alone. */
interface Candidate extends End {
  readonly domain: string | undefined;
}

/**
 * The question that a user's words mean. Where an interface is left open, the first one counts that shares a routing domain
 * with the other end, else the first; an address that belongs to an interface in the other end's domain is that interface. Of two addresses both
 * may; a tenant learns nothing of a connection in which neither end is its own: to it these are addresses alone.
 * Without a family the protocol's counts, else IPv4 where both ends have it. ICMP without a type is an echo request.
 * Throws WeirError: `malformed`, `reference-missing`.
 */
export function readQuestion(world: World, tenant: string | undefined, asked: Asked): Question {
  const domainOf = routingDomains(world);
  const packet = readPacket(asked);
  const from = named('from', () => candidates(world, domainOf, tenant, asked.from));
  const to = named('to', () => candidates(world, domainOf, tenant, asked.to));
  const families = familiesOf(asked);
  for (const family of families) {
    const pair = choose(tenant, ofFamily(from, family), ofFamily(to, family));
    if (pair) return { ...pair, packet };
  }
  throw noAddresses(asked, families);
}

function named<T>(field: 'from' | 'to', read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof WeirError) throw new QuestionError(thrown.code, field, thrown.message);
    throw thrown;
  }
}

/** In the order in which they are tried. */
export function familiesOf(asked: Asked): readonly Family[] {
  const wanted = protocolFamily(asked.protocol) ?? asked.family;
  if (wanted !== undefined && asked.family !== undefined && wanted !== asked.family) {
    throw new QuestionError('malformed', 'family', `${asked.protocol} belongs to IPv${wanted}, not to IPv${asked.family}`);
  }
  return wanted === undefined ? [4, 6] : [wanted];
}

export function noAddresses(asked: Asked, families: readonly Family[]): WeirError {
  return new QuestionError(
    'malformed',
    'to',
    `"${asked.from}" and "${asked.to}" have no addresses of ${families.map((family) => `IPv${family}`).join(' or ')}`,
  );
}

export function readPacket({ protocol, port, type, code }: Asked): Packet {
  if (protocol === 'icmp' || protocol === 'icmpv6') {
    if (port !== undefined) throw new QuestionError('malformed', 'port', `${protocol} has no ports`);
    return { protocol, type: type ?? (protocol === 'icmp' ? 8 : 128), code: code ?? 0 };
  }
  if (port === undefined) throw new QuestionError('malformed', 'port', `${protocol} needs a port`);
  if (type !== undefined || code !== undefined)
    throw new QuestionError('malformed', type === undefined ? 'code' : 'type', `${protocol} has no type and no code`);
  return { protocol, port };
}

const ofFamily = (ends: readonly Candidate[], family: Family): readonly Candidate[] => ends.filter((end) => end.address.family === family);

/** Ends that share a domain go first; then what stands first, an address being nobody's. */
function choose(
  tenant: string | undefined,
  from: readonly Candidate[],
  to: readonly Candidate[],
): Pick<Question, 'from' | 'to'> | undefined {
  const pairs = from.flatMap((source) => to.map((destination) => ({ from: source, to: destination })));
  const mayAsk = ({ owner }: Candidate): boolean => tenant === undefined || owner?.tenant === tenant;
  const joined = pairs.find(
    (pair) => pair.from.domain !== undefined && pair.from.domain === pair.to.domain && (mayAsk(pair.from) || mayAsk(pair.to)),
  );
  const pair = joined ?? pairs[0];
  return pair && { from: endOf(pair.from), to: endOf(pair.to) };
}

const endOf = ({ address, owner }: Candidate): End => ({ address, owner });

function candidates(world: World, domainOf: DomainOf, tenant: string | undefined, text: string): readonly Candidate[] {
  if (/[.:]/.test(text)) return holders(world, domainOf, readAddress(text));
  const parts = text.split('/');
  const [owner, vmName, item] = tenant === undefined ? parts : [tenant, ...parts];
  const vm = owner !== undefined && vmName !== undefined ? world.get('Vm', owner, vmName)?.document : undefined;
  if (!vm) throw new WeirError('reference-missing', `there is no VM "${text}"`);
  const interfaces = vm.spec.interfaces.filter((candidate) => item === undefined || candidate.name === item);
  if (interfaces.length === 0) throw new WeirError('reference-missing', `there is no interface "${text}"`);
  return interfaces.flatMap((candidate) => endsOf(domainOf, vm, candidate));
}

/** Throws WeirError `malformed`. */
export function readAddress(text: string): Address {
  const address = parseAddress(text);
  refuseMapped(text, address);
  return address;
}

/** An address alone, and every interface that has it: only a shared domain makes it one of those. Documents write addresses canonically. */
function holders(world: World, domainOf: DomainOf, address: Address): readonly Candidate[] {
  const text = formatAddress(address);
  const same: Candidate[] = [];
  for (const { document } of world.list('Vm'))
    for (const item of document.spec.interfaces)
      if (item.addresses.includes(text)) same.push(candidateOf(domainOf, document, item, address));
  return [{ address, owner: undefined, domain: undefined }, ...same.toSorted(byOwner)];
}

/** By tenant, then by VM; those of one VM stay in its order. */
function byOwner({ owner: a }: Candidate, { owner: b }: Candidate): number {
  if (a?.tenant !== b?.tenant) return (a?.tenant ?? '') < (b?.tenant ?? '') ? -1 : 1;
  if (a?.vm !== b?.vm) return (a?.vm ?? '') < (b?.vm ?? '') ? -1 : 1;
  return 0;
}

const endsOf = (domainOf: DomainOf, vm: VmDocument, item: VmInterface): readonly Candidate[] =>
  item.addresses.map((text) => candidateOf(domainOf, vm, item, parseAddress(text)));

function candidateOf(domainOf: DomainOf, vm: VmDocument, item: VmInterface, address: Address): Candidate {
  const tenant = vm.metadata.tenant ?? '';
  return { address, owner: { tenant, vm: vm.metadata.name, interface: item.name }, domain: domainOf(tenant, item.network) };
}
