import type { Random } from '../../bench/workloads/random.ts';
import type { RawDocument } from './policy-oracle.ts';

/**
 * Filters over five fields as the literature writes them, `@SOURCE DESTINATION FIRST : LAST FIRST : LAST PROTOCOL/MASK FLAGS/MASK`, as documents: a destination is a group of the VMs inside,
 * which have a label for it, a source a CIDR, `order` the line's number. Source ports are any: policies know none.
 */
export interface Filter {
  readonly source: string;
  readonly destination: string;
  readonly ports: readonly [first: number, last: number];
  /** A number; 0 is any. */
  readonly protocol: number;
  readonly action: 'allow' | 'deny';
}

/** What opens a connection, from nobody's address to a VM's. */
export interface Header {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly port: number;
}

const names: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' };
const everywhere = '0.0.0.0/0';
const groupOf = (block: string): string => `to-${block.replaceAll(/[./]/g, '-')}`;

/** Every third line denies: the format has no verdict. */
export function readFilters(text: string): readonly Filter[] {
  return text.split('\n').map((line, index) => {
    const form = /^@(\S+)\s+(\S+)\s+\d+ : \d+\s+(\d+) : (\d+)\s+0x([0-9a-f]{2})\/0x([0-9A-F]{2})/.exec(line);
    if (!form) throw new Error(`no filter: ${line}`);
    const [, source = '', destination = '', first, last, protocol = '', mask] = form;
    return {
      source,
      destination,
      ports: [Number(first), Number(last)],
      protocol: mask === '00' ? 0 : Number.parseInt(protocol, 16),
      action: index % 3 === 0 ? 'deny' : 'allow',
    };
  });
}

export function documentsOf(filters: readonly Filter[], addresses: readonly string[]): readonly RawDocument[] {
  const tenant = 'filters';
  const destinations = [...new Set(filters.map(({ destination }) => destination))].filter((block) => block !== everywhere);
  const held = destinations.map((block) => [block, holding(block)] as const);
  const group = (block: string): RawDocument => {
    const selector = { matchLabels: { [groupOf(block)]: 'in' } };
    return { kind: 'Group', metadata: { name: groupOf(block), tenant }, spec: { selector } };
  };
  const vm = (address: string, index: number): RawDocument => {
    const around = held.filter(([, holds]) => holds(numberOf(address)));
    const labels = Object.fromEntries(around.map(([block]) => [groupOf(block), 'in']));
    const interfaces = [{ name: 'eth0', network: 'all', addresses: [address] }];
    return { kind: 'Vm', metadata: { name: `vm-${index}`, tenant, labels }, spec: { interfaces } };
  };
  const policy = (filter: Filter, index: number): RawDocument => {
    const appliesTo = filter.destination === everywhere ? {} : { appliesTo: [groupOf(filter.destination)] };
    return {
      kind: 'Policy',
      metadata: { name: `filter-${index}`, tenant },
      spec: { order: index, ...appliesTo, ingress: [ruleOf(filter)] },
    };
  };
  return [
    { kind: 'Tenant', metadata: { name: tenant }, spec: {} },
    { kind: 'Network', metadata: { name: 'all', tenant }, spec: { subnets: [{ cidr: '10.0.0.0/8' }] } },
    ...destinations.map(group),
    ...addresses.map(vm),
    ...filters.map(policy),
  ];
}

function ruleOf({ source, ports: [port, endPort], protocol, action }: Filter): object {
  const service = { protocol: names[protocol], ...(protocol === 1 ? {} : { port, endPort }) };
  return {
    action,
    ...(source === everywhere ? {} : { from: [{ cidr: source }] }),
    ...(protocol === 0 ? {} : { services: [service] }),
  };
}

/** The number of the first filter that matches, line after line; -1 when none does. */
export function firstMatch(filters: readonly Filter[]): (header: Header) => number {
  const blocks = filters.map(({ source, destination }) => [holding(source), holding(destination)] as const);
  return ({ source, destination, protocol, port }) => {
    const [from, to] = [numberOf(source), numberOf(destination)];
    return filters.findIndex(({ protocol: wanted, ports: [first, last] }, index) => {
      if (wanted !== 0 && (wanted !== protocol || (protocol !== 1 && (port < first || port > last)))) return false;
      const [isFrom, isTo] = blocks[index] ?? [];
      return isFrom?.(from) === true && isTo?.(to) === true;
    });
  };
}

const numberOf = (address: string): number => address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);

/** Whether an address, as a number, is in the block. */
function holding(block: string): (address: number) => boolean {
  const [address = '', text] = block.split('/');
  const [value, length] = [numberOf(address), Number(text)];
  return (other) => cut(other, length) === value;
}

/** Those of the addresses that are in the block. */
export const inside = (block: string, addresses: readonly string[]): readonly string[] => {
  const holds = holding(block);
  return addresses.filter((address) => holds(numberOf(address)));
};

const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
const cut = (value: number, length: number): number => (length === 0 ? 0 : (value & (-1 << (32 - length))) >>> 0);

/** Filters whose prefixes nest, in `10.0.0.0/8` for destinations, with ports of all the usual classes; as text. */
export function filterText(random: Random, count: number): string {
  const prefixes = (root: number, distinct: number): readonly string[] =>
    Array.from({ length: distinct }, () => {
      const length = random.pick([9, 12, 16, 20, 24, 24, 28, 30, 32, 32]) ?? 32;
      // Few networks and few hosts: what is longer lies inside of what is shorter.
      const value =
        (root << 24) | (random.integer(0, 3) << 20) | (random.integer(0, 15) << 12) | (random.integer(0, 3) << 8) | random.integer(2, 90);
      return `${dotted(cut(value >>> 0, length))}/${length}`;
    });
  const [sources, destinations] = [prefixes(11, count / 3), prefixes(10, count / 10)];
  const classes = (): readonly [number, number] => {
    const low = random.integer(1, 60_000);
    const exact = random.integer(1, 1024);
    return (
      random.pick([
        [0, 65_535],
        [1024, 65_535],
        [0, 1023],
        [low, low + random.integer(1, 5000)],
        [exact, exact],
        [exact, exact],
      ] as const) ?? [0, 0]
    );
  };
  const lines = Array.from({ length: count }, () => {
    const source = random.chance(0.15) ? everywhere : random.pick(sources);
    const destination = random.chance(0.05) ? everywhere : random.pick(destinations);
    const protocol = random.pick([6, 6, 6, 17, 17, 1, 132, 0]) ?? 0;
    const [first, last] = [6, 17, 132].includes(protocol) ? classes() : [0, 65_535];
    const hexadecimal = `0x${protocol.toString(16).padStart(2, '0')}/0x${protocol === 0 ? '00' : 'FF'}`;
    const text = `@${source}\t${destination}\t0 : 65535\t${first} : ${last}\t${hexadecimal}\t0x0000/0x0000`;
    return { text, specific: lengthOf(source) + lengthOf(destination) };
  });
  const specificFirst = lines.toSorted((a, b) => b.specific - a.specific);
  return specificFirst.map(({ text }) => text).join('\n');
}

const lengthOf = (block = everywhere): number => Number(block.split('/')[1]);

/** An address in a block, other than its network's and broadcast's own where there is room. */
export function addressIn(random: Random, block: string): string {
  const [address = '', text] = block.split('/');
  const length = Number(text);
  const base = numberOf(address);
  const size = 2 ** (32 - length);
  return dotted((base + (size < 4 ? random.integer(0, size - 1) : random.integer(2, size - 2))) >>> 0);
}
