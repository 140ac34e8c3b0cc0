import { expect, test } from 'vitest';
import { MemoryDocuments } from '../../../bench/workloads/documents.ts';
import { Random } from '../../../bench/workloads/random.ts';
import type { DocumentId } from '../../../policies/index.ts';
import { judge } from '../../../policies/index.ts';
import type { Kind } from '../../../policies/model/kinds.ts';
import { isMember, labelsOf, membershipOf, routingDomains } from '../../../policies/selectors/index.ts';
import type { DomainOf, World } from '../../../policies/selectors/index.ts';
import { connectivityDifference, scopeOf } from '../../../policies/verify/index.ts';
import type { ConnectivityRow, EndSet } from '../../../policies/verify/index.ts';
import { formatAddress, parseAddress } from '../../../src/base/addresses.ts';
import type { Address } from '../../../src/base/addresses.ts';
import { externals, RandomCloud } from '../random-cloud.ts';
import { inGroup, nic, rule, SmallCloud } from '../small-cloud.ts';

const kinds: readonly Kind[] = ['Tenant', 'Network', 'Router', 'Group', 'Service', 'Policy', 'QosPolicy', 'Vm', 'Host'];

/** The documents as they are now. */
function copyOf(world: World): MemoryDocuments {
  const copy = new MemoryDocuments();
  for (const kind of kinds) for (const { document } of world.list(kind)) copy.put(document);
  return copy;
}

function finish<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

function difference(before: World, after: World, changed: readonly DocumentId[]): readonly ConnectivityRow[] {
  const worlds = { before, after };
  const { rows, isComplete } = finish(connectivityDifference(worlds, finish(scopeOf(worlds, changed))));
  expect(isComplete).toBe(true);
  return rows;
}

interface End {
  readonly tenant: string | undefined;
  readonly vm: string;
  readonly interface: string;
  readonly address: Address;
}
const nameOf = ({ tenant, vm, interface: item, address }: End): string => `${tenant ?? ''}/${vm}/${item} ${formatAddress(address)}`;

function endsOf(...worlds: readonly World[]): readonly End[] {
  const ends = new Map<string, End>();
  for (const world of worlds) {
    for (const { document } of world.list('Vm')) {
      for (const item of document.spec.interfaces) {
        for (const text of item.addresses) {
          const end = {
            tenant: document.metadata.tenant ?? '',
            vm: document.metadata.name,
            interface: item.name,
            address: parseAddress(text),
          };
          ends.set(nameOf(end), end);
        }
      }
    }
  }
  const outside = [...externals, '10.0.1.9', '10.0.0.15', '10.0.0.16', '192.0.2.128', '1.1.1.1', 'fd00:0:0:1::8', 'fd00::9'].map(
    parseAddress,
  );
  return [...ends.values(), ...outside.map((address) => ({ tenant: undefined, vm: '', interface: '', address }))];
}

/** Numbers on both sides of every edge that the random clouds have. */
const ports = [0, 22, 49, 50, 53, 79, 80, 81, 443, 500, 501, 5432, 65535];
const services = [
  ...(['tcp', 'udp', 'sctp'] as const).flatMap((protocol) => ports.map((port) => ({ protocol, port }))),
  ...[0, 8].flatMap((type) => [0, 1].map((code) => ({ protocol: 'icmp' as const, type, code }))),
  ...[128, 1].flatMap((type) => [0, 1].map((code) => ({ protocol: 'icmpv6' as const, type, code }))),
];
type Service = (typeof services)[number];

interface View {
  readonly world: World;
  readonly domainOf: DomainOf;
}

function presence({ world, domainOf }: View, end: End): { readonly domain: string; readonly labels: Record<string, string> } | undefined {
  const vm = end.tenant === undefined ? undefined : world.get('Vm', end.tenant, end.vm)?.document;
  const item = vm?.spec.interfaces.find((each) => each.name === end.interface);
  if (!vm || !item || end.tenant === undefined || !item.addresses.includes(formatAddress(end.address))) return undefined;
  return { domain: domainOf(end.tenant, item.network), labels: labelsOf(vm, item) };
}

/** Whether such a connection can be had at all. */
function reach(view: View, from: End, to: End): boolean {
  if (from.address.family !== to.address.family || (from.tenant === undefined && to.tenant === undefined)) return false;
  if (from.tenant === to.tenant && from.vm === to.vm && from.interface === to.interface) return false;
  const [own, other] = [presence(view, from), presence(view, to)];
  if ((from.tenant !== undefined && !own) || (to.tenant !== undefined && !other)) return false;
  return from.tenant === undefined || to.tenant === undefined || own?.domain === other?.domain;
}

function allows(view: View, from: End, to: End, packet: Service): boolean {
  if (!reach(view, from, to)) return false;
  const ownerOf = ({ tenant, vm, interface: item }: End) => (tenant === undefined ? undefined : { tenant, vm, interface: item });
  const question = { from: { address: from.address, owner: ownerOf(from) }, to: { address: to.address, owner: ownerOf(to) }, packet };
  return judge(view.world, question).verdict === 'allow';
}

/** By what is printed, not by what stands behind it. */
function isIn(view: View, set: EndSet, end: End): boolean {
  const here = presence(view, end);
  switch (set.kind) {
    case 'tenant':
      return here !== undefined && end.tenant === set.tenant;
    case 'group': {
      const group = view.world.get('Group', set.owner, set.group)?.document;
      const membership = group && membershipOf(group);
      return here !== undefined && end.tenant === set.tenant && membership !== undefined && isMember(membership, set.tenant, here.labels);
    }
    case 'interface': {
      if (end.tenant !== set.tenant || end.vm !== set.vm || end.interface !== set.interface) return false;
      return set.address === undefined || set.address === formatAddress(end.address);
    }
    case 'addresses':
      return (
        end.tenant === undefined &&
        set.cidrs.some((cidr) => inBlock(cidr, end.address)) &&
        !set.except.some((cidr) => inBlock(cidr, end.address))
      );
  }
}

function inBlock(cidr: string, address: Address): boolean {
  const [text = '', length = ''] = cidr.split('/');
  const block = parseAddress(text);
  const shift = BigInt((block.family === 4 ? 32 : 128) - Number(length));
  return block.family === address.family && block.value >> shift === address.value >> shift;
}

function says(texts: readonly string[], service: Service): boolean {
  return texts.some((text) => {
    if (text === 'all') return true;
    const [protocol, first, second] = text.split('/');
    if (protocol !== service.protocol) return false;
    const within = (range: string | undefined, value: number): boolean => {
      if (range === undefined) return true;
      const [low, high = low] = range.split('-').map(Number);
      return low !== undefined && high !== undefined && low <= value && value <= high;
    };
    return 'port' in service ? within(first, service.port) : within(first, service.type) && within(second, service.code);
  });
}

test('what is printed is exactly what differs, by the reference, for every pair and at every edge', { timeout: 300_000 }, () => {
  let rowsSeen = 0;
  const kindsSeen = new Set<Kind>();
  const seen = new Set<string>();
  for (let round = 0; round < 24; round++) {
    const seed = 52_000 + round;
    const random = new Random(seed);
    const cloud = new RandomCloud(random);
    const before = copyOf(cloud.documents);
    const changes = Array.from({ length: 1 + (round % 3) }, () => cloud.mutate());
    const after = copyOf(cloud.documents);
    const rows = difference(
      before,
      after,
      changes.flatMap(({ documents }) => documents.map(({ id }) => id)),
    );
    rowsSeen += rows.length;
    for (const { documents } of changes) for (const { id } of documents) kindsSeen.add(id.kind);
    for (const { from, to, family, services: texts } of rows) {
      for (const end of [...from, ...to]) seen.add(end.kind);
      if (family !== undefined) seen.add(`IPv${family}`);
      for (const text of texts) seen.add(text.split('/')[0] ?? '');
    }
    const views = { before: { world: before, domainOf: routingDomains(before) }, after: { world: after, domainOf: routingDomains(after) } };
    const ends = endsOf(before, after);
    const wrong: string[] = [];
    for (const from of ends) {
      for (const to of ends) {
        if (!reach(views.before, from, to) && !reach(views.after, from, to)) continue;
        const said = (change: 'gains' | 'loses') => {
          const view = change === 'gains' ? views.after : views.before;
          if (!reach(view, from, to)) return [];
          return rows.filter(
            (row) =>
              row.change === change &&
              (row.family === undefined || row.family === from.address.family) &&
              row.from.some((set) => isIn(view, set, from)) &&
              row.to.some((set) => isIn(view, set, to)),
          );
        };
        const [gains, loses] = [said('gains'), said('loses')];
        for (const service of services) {
          if ((service.protocol === 'icmp' && from.address.family === 6) || (service.protocol === 'icmpv6' && from.address.family === 4))
            continue;
          const [was, is] = [allows(views.before, from, to, service), allows(views.after, from, to, service)];
          const [gained, lost] = [gains, loses].map((own) => own.some((row) => says(row.services, service)));
          if (gained !== (!was && is) || lost !== (was && !is))
            wrong.push(
              `${nameOf(from)} -> ${nameOf(to)} ${JSON.stringify(service)}: was ${was}, is ${is}, said gained ${gained}, lost ${lost}`,
            );
        }
      }
    }
    expect(wrong.slice(0, 5), `seed ${seed}: ${JSON.stringify(changes.flatMap(({ documents }) => documents))}`).toEqual([]);
  }
  expect(rowsSeen).toBeGreaterThan(20);
  expect([...kindsSeen]).toEqual(expect.arrayContaining(['Tenant', 'Network', 'Router', 'Group', 'Service', 'Policy', 'Vm']));
  const all = ['tenant', 'group', 'interface', 'addresses', 'IPv4', 'IPv6', 'all', 'tcp', 'udp', 'icmp', 'icmpv6'];
  expect([...seen]).toEqual(expect.arrayContaining(all));
});

const short = (sets: readonly EndSet[]): string =>
  sets
    .map((set) => {
      if (set.kind === 'tenant') return set.tenant;
      if (set.kind === 'group') return set.group;
      if (set.kind === 'interface') return `${set.vm}/${set.interface}`;
      return [...set.cidrs, ...set.except.map((cidr) => `-${cidr}`)].join(' ');
    })
    .join(', ');
const said = (rows: readonly ConnectivityRow[]): readonly string[] =>
  rows.map(({ from, to, change, services: texts }) => `${short(from)} ${change} ${texts.join(' ')} to ${short(to)}`);

const shop = (): SmallCloud =>
  new SmallCloud()
    .tenant('acme')
    .network('acme', 'n', 1000, '10.0.0.0/24', '10.0.0.1')
    .group('acme', 'web', { app: 'web' })
    .group('acme', 'db', { app: 'db' })
    .vm('acme', 'web-1', 'h', { app: 'web' }, nic('n', '10.0.0.11'))
    .vm('acme', 'web-2', 'h', { app: 'web' }, nic('n', '10.0.0.12'))
    .vm('acme', 'db-1', 'h', { app: 'db' }, nic('n', '10.0.0.21'))
    .vm('acme', 'db-2', 'h', { app: 'db' }, nic('n', '10.0.0.22'))
    .policy('acme', 'out', { egress: [rule('allow')] });

test('groups are called by their names, a single interface by its own', () => {
  const cloud = shop();
  const before = copyOf(cloud.documents);
  cloud.policy('acme', 'db', { appliesTo: ['db'], ingress: [rule('allow', { peers: [inGroup('web')], services: ['postgresql'] })] });
  const after = copyOf(cloud.documents);
  expect(said(difference(before, after, [{ kind: 'Policy', tenant: 'acme', name: 'db' }]))).toEqual(['web gains tcp/5432 to db']);
  cloud.vm('acme', 'web-2', 'h', { app: 'none' }, nic('n', '10.0.0.12'));
  expect(said(difference(after, cloud.documents, [{ kind: 'Vm', tenant: 'acme', name: 'web-2' }]))).toEqual([
    'web-2/eth0 loses tcp/5432 to db',
  ]);
});

test('a change of posture, and of who is outside', () => {
  const cloud = shop();
  const before = copyOf(cloud.documents);
  cloud.tenant('acme', 'open');
  const opened = difference(before, cloud.documents, [{ kind: 'Tenant', tenant: undefined, name: 'acme' }]);
  expect(said(opened)).toEqual(['acme, 0.0.0.0/0 gains all to acme']);
});
