import { describe, expect, test } from 'vitest';
import { parseDocument } from '../../../policies/model/parse.ts';
import type { Destination } from '../../../policies/model/parse.ts';
import type { Kind } from '../../../policies/model/index.ts';

interface Case {
  readonly name: string;
  readonly kind: Kind;
  readonly spec: unknown;
  readonly pointer: string;
  readonly code?: string;
  readonly detail?: RegExp;
}

const bad = (kind: Kind, name: string, spec: unknown, pointer: string, more: Pick<Case, 'code' | 'detail'> = {}): Case => ({
  name,
  kind,
  spec,
  pointer,
  ...more,
});
const network = (subnet: object): object => ({ subnets: [subnet] });
const vm = (more: object): object => ({ interfaces: [{ name: 'eth0', network: 'n', ...more }] });
const ingress = (more: object): object => ({ ingress: [{ action: 'allow', ...more }] });
const ports = (port: object): object => ({ ports: [port] });

const cases: readonly Case[] = [
  bad('Tenant', 'a posture that is none', { posture: 'closed' }, '/spec/posture'),
  bad('Tenant', 'a negative quota', { quotas: { vms: -1 } }, '/spec/quotas/vms'),
  bad('Tenant', 'a fraction of a quota', { quotas: { vms: 1.5 } }, '/spec/quotas/vms'),
  bad('Tenant', 'an unknown quota', { quotas: { cats: 1 } }, '/spec/quotas/cats', { code: 'unknown-field' }),
  bad('Network', 'a VNI of 0', { vni: 0 }, '/spec/vni'),
  bad('Network', 'a VNI of 25 bits', { vni: 0x1000000 }, '/spec/vni'),
  bad('Network', 'a VNI as text', { vni: '7' }, '/spec/vni'),
  bad('Network', 'a CIDR that is none', network({ cidr: '10.0.0/24' }), '/spec/subnets/0/cidr'),
  bad('Network', 'an IPv4 number that is too large', network({ cidr: '10.0.0.256/24' }), '/spec/subnets/0/cidr'),
  bad('Network', 'leading zeros', network({ cidr: '10.0.0.010/24' }), '/spec/subnets/0/cidr'),
  bad('Network', 'a length that is too large', network({ cidr: '10.0.0.0/33' }), '/spec/subnets/0/cidr'),
  bad('Network', 'an address for a block', network({ cidr: '10.0.0.1' }), '/spec/subnets/0/cidr'),
  bad('Network', 'host bits', network({ cidr: '10.0.0.9/24' }), '/spec/subnets/0/cidr', { detail: /10\.0\.0\.0\/24 is probably meant/ }),
  bad('Network', 'host bits in IPv6', network({ cidr: '2001:DB8::9/64' }), '/spec/subnets/0/cidr', {
    detail: /2001:db8::\/64 is probably meant/,
  }),
  bad('Network', 'a subnet without room', network({ cidr: '10.0.0.0/31' }), '/spec/subnets/0/cidr'),
  bad('Network', 'everything', network({ cidr: '0.0.0.0/0' }), '/spec/subnets/0/cidr'),
  bad('Network', 'multicast', network({ cidr: '239.0.0.0/24' }), '/spec/subnets/0/cidr'),
  bad('Network', 'loopback', network({ cidr: '127.0.0.0/24' }), '/spec/subnets/0/cidr'),
  bad('Network', 'link-local', network({ cidr: 'fe80::/64' }), '/spec/subnets/0/cidr'),
  bad('Network', 'a gateway that is no address', network({ cidr: '10.0.0.0/24', gateway: 'gw' }), '/spec/subnets/0/gateway'),
  bad('Network', 'a gateway outside', network({ cidr: '10.0.0.0/24', gateway: '10.0.1.1' }), '/spec/subnets/0/gateway', {
    code: 'address-outside-subnet',
  }),
  bad('Network', 'a gateway of the other family', network({ cidr: '10.0.0.0/24', gateway: 'fd00::1' }), '/spec/subnets/0/gateway', {
    code: 'address-outside-subnet',
  }),
  bad('Network', 'the network address as gateway', network({ cidr: '10.0.0.0/24', gateway: '10.0.0.0' }), '/spec/subnets/0/gateway'),
  bad('Network', 'the broadcast address as gateway', network({ cidr: '10.0.0.0/24', gateway: '10.0.0.255' }), '/spec/subnets/0/gateway'),
  bad('Network', 'a DNS server that is no address', network({ cidr: '10.0.0.0/24', dns: ['8.8.8.8', 'dns'] }), '/spec/subnets/0/dns/1'),
  bad('Network', 'overlapping subnets', { subnets: [{ cidr: '10.0.0.0/8' }, { cidr: '10.9.0.0/16' }] }, '/spec/subnets/1/cidr', {
    code: 'subnet-overlap',
  }),
  bad('Network', 'an MTU below IPv4’s', { mtu: 575 }, '/spec/mtu'),
  bad('Network', 'an MTU below IPv6’s', { mtu: 1279, subnets: [{ cidr: 'fd00::/64' }] }, '/spec/mtu'),
  bad('Network', 'an MTU above all', { mtu: 9217 }, '/spec/mtu'),
  bad('Network', 'sharing with its owner', { sharedWith: ['acme'] }, '/spec/sharedWith/0'),
  bad('Network', 'an isolation that is none', { isolation: 'total' }, '/spec/isolation'),
  bad(
    'Network',
    'too many subnets',
    { subnets: Array.from({ length: 17 }, (_, index) => ({ cidr: `10.${index}.0.0/16` })) },
    '/spec/subnets',
  ),
  bad('Router', 'no networks', {}, '/spec/networks'),
  bad('Router', 'a network twice', { networks: ['a', 'acme/a'] }, '/spec/networks/1'),
  bad('Router', 'a pair in a tenant’s router', { networks: [{ tenant: 'acme', network: 'a' }] }, '/spec/networks/0'),
  bad('Router', 'a network of the platform', { networks: ['platform/a'] }, '/spec/networks/0'),
  bad('Group', 'neither selector nor cidrs', {}, '/spec'),
  bad('Group', 'both', { selector: {}, cidrs: [] }, '/spec'),
  bad('Group', 'except beside a selector', { selector: {}, except: ['10.0.0.0/8'] }, '/spec/except'),
  bad('Group', 'tenants in a tenant’s group', { selector: {}, tenants: 'all' }, '/spec/tenants'),
  bad('Group', 'a block that is none', { cidrs: ['10.0.0.0/8', '10/8'] }, '/spec/cidrs/1'),
  bad('Group', 'an exception outside', { cidrs: ['10.0.0.0/8'], except: ['11.0.0.0/16'] }, '/spec/except/0'),
  bad('Group', 'a label key that is none', { selector: { matchLabels: { 'a/b/c': 'x' } } }, '/spec/selector/matchLabels/a~1b~1c'),
  bad('Group', 'a label value that is none', { selector: { matchLabels: { a: '-' } } }, '/spec/selector/matchLabels/a'),
  bad(
    'Group',
    'an operator that is none',
    { selector: { matchExpressions: [{ key: 'a', operator: 'Is' }] } },
    '/spec/selector/matchExpressions/0/operator',
  ),
  bad(
    'Group',
    'In without values',
    { selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
    '/spec/selector/matchExpressions/0/values',
  ),
  bad(
    'Group',
    'Exists with values',
    { selector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
    '/spec/selector/matchExpressions/0/values',
  ),
  bad('Service', 'no ports', { ports: [] }, '/spec/ports'),
  bad('Service', 'a protocol that is none', ports({ protocol: 'gre' }), '/spec/ports/0/protocol'),
  bad('Service', 'port -1', ports({ protocol: 'tcp', port: -1 }), '/spec/ports/0/port'),
  bad('Service', 'port 65536', ports({ protocol: 'tcp', port: 65_536 }), '/spec/ports/0/port'),
  bad('Service', 'a port as text', ports({ protocol: 'tcp', port: '80' }), '/spec/ports/0/port'),
  bad('Service', 'a range that falls', ports({ protocol: 'tcp', port: 80, endPort: 79 }), '/spec/ports/0/endPort'),
  bad('Service', 'an end without a beginning', ports({ protocol: 'tcp', endPort: 80 }), '/spec/ports/0/endPort'),
  bad('Service', 'a port and a name', ports({ protocol: 'tcp', port: 80, portName: 'http' }), '/spec/ports/0/port'),
  bad('Service', 'a type of TCP', ports({ protocol: 'tcp', type: 8 }), '/spec/ports/0/type'),
  bad('Service', 'a port of ICMP', ports({ protocol: 'icmp', port: 8 }), '/spec/ports/0/port'),
  bad('Service', 'an ICMP type of 256', ports({ protocol: 'icmp', type: 256 }), '/spec/ports/0/type'),
  bad('Service', 'an ICMP code without a type', ports({ protocol: 'icmpv6', code: 0 }), '/spec/ports/0/code'),
  bad('Policy', 'the platform’s tier', { tier: 'platform' }, '/spec/tier'),
  bad('Policy', 'the baseline', { tier: 'baseline' }, '/spec/tier'),
  bad('Policy', 'an order below 0', { order: -1 }, '/spec/order'),
  bad('Policy', 'an order of 65536', { order: 65_536 }, '/spec/order'),
  bad('Policy', 'an empty appliesTo', { appliesTo: [] }, '/spec/appliesTo'),
  bad('Policy', 'an empty from', ingress({ from: [] }), '/spec/ingress/0/from'),
  bad('Policy', 'empty services', ingress({ services: [] }), '/spec/ingress/0/services'),
  bad('Policy', 'an empty to', { egress: [{ action: 'deny', to: [] }] }, '/spec/egress/0/to'),
  bad('Policy', 'to in an ingress rule', ingress({ to: [{ any: true }] }), '/spec/ingress/0/to', { code: 'unknown-field' }),
  bad('Policy', 'no action', { ingress: [{}] }, '/spec/ingress/0/action'),
  bad('Policy', 'an action that is none', { ingress: [{ action: 'drop' }] }, '/spec/ingress/0/action'),
  bad('Policy', 'an empty peer', ingress({ from: [{}] }), '/spec/ingress/0/from/0'),
  bad('Policy', 'two peers in one', ingress({ from: [{ group: 'a', any: true }] }), '/spec/ingress/0/from/0'),
  bad('Policy', 'any: false', ingress({ from: [{ any: false }] }), '/spec/ingress/0/from/0/any'),
  bad('Policy', 'a peer of another tenant', ingress({ from: [{ tenant: 'b', group: 'a' }] }), '/spec/ingress/0/from/0/tenant'),
  bad('Policy', 'another tenant’s group by name', ingress({ from: [{ group: 'b/a' }] }), '/spec/ingress/0/from/0/group'),
  bad('Policy', 'except beside a group', ingress({ from: [{ group: 'a', except: ['10.0.0.0/8'] }] }), '/spec/ingress/0/from/0/except'),
  bad('Policy', 'a peer block that is none', ingress({ from: [{ cidr: '10.0.0.1/8' }] }), '/spec/ingress/0/from/0/cidr'),
  bad(
    'Policy',
    'an exception outside',
    ingress({ from: [{ cidr: '10.0.0.0/8', except: ['0.0.0.0/0'] }] }),
    '/spec/ingress/0/from/0/except/0',
  ),
  bad('Policy', 'a service name that is none', ingress({ services: ['SSH'] }), '/spec/ingress/0/services/0'),
  bad(
    'Policy',
    'an inline port that is none',
    ingress({ services: ['ssh', { protocol: 'udp', port: 2, endPort: 1 }] }),
    '/spec/ingress/0/services/1/endPort',
  ),
  bad('Policy', 'a service that is a number', ingress({ services: [22] }), '/spec/ingress/0/services/0'),
  bad(
    'Policy',
    'too many rules',
    { ingress: Array.from({ length: 600 }, () => ({ action: 'deny' })), egress: Array.from({ length: 401 }, () => ({ action: 'deny' })) },
    '/spec',
  ),
  bad('QosPolicy', 'a DSCP of 7 bits', { dscp: 64 }, '/spec/dscp'),
  bad('QosPolicy', 'no rate', { egress: { maxMbps: 0 } }, '/spec/egress/maxMbps'),
  bad('QosPolicy', 'more guaranteed than allowed', { egress: { maxMbps: 5, guaranteedMbps: 6 } }, '/spec/egress/guaranteedMbps'),
  bad('QosPolicy', 'a burst of nothing', { ingress: { burstKb: 6 } }, '/spec/ingress/burstKb'),
  bad('QosPolicy', 'a class that is none', { class: 'gold' }, '/spec/class'),
  bad('Vm', 'a hypervisor that is none', { hypervisor: 'xen' }, '/spec/hypervisor'),
  bad('Vm', 'a power that is none', { power: 'on' }, '/spec/power'),
  bad(
    'Vm',
    'two interfaces of one name',
    {
      interfaces: [
        { name: 'a', network: 'n' },
        { name: 'a', network: 'n' },
      ],
    },
    '/spec/interfaces/1/name',
  ),
  bad('Vm', 'an interface without a network', { interfaces: [{ name: 'a' }] }, '/spec/interfaces/0/network'),
  bad(
    'Vm',
    'too many interfaces',
    { interfaces: Array.from({ length: 17 }, (_, index) => ({ name: `eth${index}`, network: 'n' })) },
    '/spec/interfaces',
  ),
  bad('Vm', 'a MAC that is none', vm({ mac: '02:00:00:00:00' }), '/spec/interfaces/0/mac'),
  bad('Vm', 'a multicast MAC', vm({ mac: '03:00:00:00:00:01' }), '/spec/interfaces/0/mac'),
  bad('Vm', 'the broadcast MAC', vm({ mac: 'ff:ff:ff:ff:ff:ff' }), '/spec/interfaces/0/mac'),
  bad('Vm', 'a gateway’s MAC', vm({ mac: '0E:57:00:00:03:E8' }), '/spec/interfaces/0/mac'),
  bad('Vm', 'a MAC of zeros', vm({ mac: '00:00:00:00:00:00' }), '/spec/interfaces/0/mac'),
  bad('Vm', 'an address that is none', vm({ addresses: ['10.0.0.1', '10.0.0.1/24'] }), '/spec/interfaces/0/addresses/1'),
  bad('Vm', 'an address twice, spelled differently', vm({ addresses: ['fd00::1', 'fd00:0::1'] }), '/spec/interfaces/0/addresses/1'),
  bad('Vm', 'an IPv6 address with a zone', vm({ addresses: ['fe80::1%eth0'] }), '/spec/interfaces/0/addresses/0'),
  bad('Vm', 'a label of the system', vm({ labels: { 'weir.io/vm': 'x' } }), '/spec/interfaces/0/labels/weir.io~1vm'),
  bad('Vm', 'a declared port without a number', vm({ ports: { web: { protocol: 'tcp' } } }), '/spec/interfaces/0/ports/web/port'),
  bad('Vm', 'a declared port with a bad name', vm({ ports: { WEB: { protocol: 'tcp', port: 80 } } }), '/spec/interfaces/0/ports/WEB'),
  bad('Host', 'a tunnel address that is none', { encapIp: 'host' }, '/spec/encapIp'),
  bad('Host', 'a multicast tunnel address', { encapIp: 'ff02::1' }, '/spec/encapIp'),
  bad('Host', 'no uplink', { uplinkMbps: 0 }, '/spec/uplinkMbps'),
];

const platformKinds: readonly Kind[] = ['Tenant', 'Host'];
const destinationOf = (kind: Kind): Destination => ({
  kind,
  name: 'x',
  owner: platformKinds.includes(kind) ? { kind: 'platform' } : { kind: 'tenant', name: 'acme' },
});

describe('bad input is refused where it stands:', () => {
  test.each(cases)('$kind: $name', ({ kind, spec, pointer, code = 'malformed', detail = /./ }) => {
    const parsed = parseDocument({ spec }, destinationOf(kind));
    expect(parsed).toEqual({ ok: false, issues: [{ code, pointer, detail: expect.stringMatching(detail) }] });
  });

  test.each([
    ['null', null, ''],
    ['a list', [], ''],
    ['a text', 'x', ''],
    ['no kind', {}, '/kind'],
    ['a kind that is none', { kind: 'Cat' }, '/kind'],
    ['a kind that every object inherits', { kind: 'constructor' }, '/kind'],
    ['no name', { kind: 'Tenant' }, '/metadata/name'],
    ['a name that is no DNS label', { kind: 'Tenant', metadata: { name: 'A' } }, '/metadata/name'],
    ['a name of 64 characters', { kind: 'Tenant', metadata: { name: 'a'.repeat(64) } }, '/metadata/name'],
    ['a name with a hyphen at its end', { kind: 'Tenant', metadata: { name: 'a-' } }, '/metadata/name'],
    ['the reserved tenant', { kind: 'Tenant', metadata: { name: 'platform' } }, '/metadata/name'],
    ['a tenant of a tenant', { kind: 'Tenant', metadata: { name: 'a', tenant: 'b' } }, '/metadata/tenant'],
    ['a network of nobody', { kind: 'Network', metadata: { name: 'a' } }, '/metadata/tenant'],
    ['an unknown field', { kind: 'Tenant', metadata: { name: 'a' }, data: 1 }, '/data'],
    ['an unknown field of metadata', { kind: 'Tenant', metadata: { name: 'a', namespace: 'b' } }, '/metadata/namespace'],
    ['a prototype', JSON.parse('{"kind":"Tenant","metadata":{"name":"a","labels":{"__proto__":"b"}}}'), '/metadata/labels/__proto__'],
    ['a label value of 64 characters', { kind: 'Tenant', metadata: { name: 'a', labels: { a: 'a'.repeat(64) } } }, '/metadata/labels/a'],
    ['a spec that is no object', { kind: 'Tenant', metadata: { name: 'a' }, spec: [] }, '/spec'],
  ])('%s', (_name, raw, pointer) => {
    const parsed = parseDocument(raw);
    expect(parsed.ok ? [] : parsed.issues.map((issue) => issue.pointer)).toEqual([pointer]);
  });

  test('what the path says goes before what the document says', () => {
    const raw = { kind: 'Network', metadata: { name: 'a', tenant: 'b' } };
    const parsed = parseDocument(raw, { kind: 'Network', name: 'x', owner: { kind: 'tenant', name: 'y' } });
    expect(parsed.ok ? [] : parsed.issues.map((issue) => issue.pointer)).toEqual(['/metadata/name', '/metadata/tenant']);
  });

  test('everything that is wrong is told at once', () => {
    const raw = {
      kind: 'Network',
      metadata: { name: 'a', tenant: 'b' },
      spec: { subnets: [{ cidr: 'x' }, { cidr: '10.0.0.1/8', gateway: 'y' }], sharedWith: ['b'] },
    };
    const parsed = parseDocument(raw);
    expect(parsed.ok ? [] : parsed.issues.map((issue) => issue.pointer)).toEqual([
      '/spec/subnets/0/cidr',
      '/spec/subnets/1/cidr',
      '/spec/subnets/1/gateway',
      '/spec/sharedWith/0',
    ]);
  });
});

test('of a garbled document that is too large to be gone through, only that is said', () => {
  const told = parseDocument({
    kind: 'Policy',
    metadata: { name: 'x', tenant: 't' },
    spec: { ingress: Array.from({ length: 300_000 }, () => 1) },
  });
  expect(told).toMatchObject({ ok: false, issues: [{ code: 'malformed', pointer: '', detail: expect.stringContaining('200000 values') }] });
});
