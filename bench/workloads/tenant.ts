import type { Document, Metadata, Rule, VmInterface } from '../../policies/model/kinds.ts';
import type { Random } from './random.ts';

/** What one tenant of the reference cloud has. */
export interface TenantShape {
  readonly name: string;
  readonly size: 'micro' | 'small' | 'medium' | 'large' | 'enterprise';
  readonly vms: number;
  readonly networks: number;
  readonly interfaces: number;
  /** Half of them firewall, half isolation. */
  readonly policies: number;
  readonly qosPolicies: number;
  readonly bandwidthMbps: number;
}

const createdAt = '2026-01-01T00:00:00Z';
const tiers = ['web', 'app', 'db', 'cache'] as const;
const environments = ['production', 'staging'] as const;

/** All documents of a tenant. Networks have an IPv4 block, every other one an IPv6 block too; one router joins most of them. */
export function tenantDocuments(random: Random, shape: TenantShape, nextVni: () => number, nextHost: () => string): readonly Document[] {
  const networks = Array.from({ length: shape.networks }, (_, index) => networkDocument(shape, index, nextVni()));
  return [
    {
      kind: 'Tenant',
      metadata: { name: shape.name, labels: {}, uid: shape.name, createdAt },
      spec: { posture: 'zero-trust', quotas: {} },
    },
    ...networks,
    ...(shape.networks > 1 ? [routerDocument(shape)] : []),
    ...groupDocuments(shape),
    ...Array.from({ length: shape.policies }, (_, index) => policyDocument(random, shape, index)),
    ...Array.from({ length: shape.qosPolicies }, (_, index) => qosDocument(random, shape, index)),
    ...vmDocuments(random, shape, nextHost),
  ];
}

function metadataOf(shape: TenantShape, name: string, labels: Metadata['labels'] = {}): Metadata {
  return { name, tenant: shape.name, labels, uid: `${shape.name}.${name}`, createdAt };
}

const networkName = (index: number): string => `net-${index}`;
/** Tenants use the same blocks side by side: a /20 and a /64 for each network. */
function address4(network: number, host: number): string {
  return `10.${network >> 4}.${((network & 15) << 4) + (host >> 8)}.${host & 255}`;
}

const address6 = (network: number, host: number): string => `fd00:0:0:${network.toString(16)}::${host === 0 ? '' : host.toString(16)}`;

function networkDocument(shape: TenantShape, index: number, vni: number): Document {
  const v4 = { cidr: `${address4(index, 0)}/20`, gateway: address4(index, 1), dhcp: true, dns: [] };
  const v6 = { cidr: `${address6(index, 0)}/64`, gateway: address6(index, 1), dhcp: true, dns: [] };
  return {
    kind: 'Network',
    metadata: metadataOf(shape, networkName(index)),
    spec: { vni, subnets: index % 2 === 0 ? [v4, v6] : [v4], broadcast: false, isolation: 'none', sharedWith: [] },
  };
}

/** The last of four or more networks stands alone. */
function routerDocument(shape: TenantShape): Document {
  const joined = shape.networks > 3 ? shape.networks - 1 : shape.networks;
  const networks = Array.from({ length: joined }, (_, index) => ({ tenant: shape.name, network: networkName(index) }));
  return { kind: 'Router', metadata: metadataOf(shape, 'router'), spec: { networks } };
}

function groupDocuments(shape: TenantShape): readonly Document[] {
  const labelled = [
    ...tiers.map((tier) => ({ name: tier, labels: { tier } })),
    ...environments.map((env) => ({ name: env, labels: { env } })),
  ];
  return [
    ...labelled.map(({ name, labels }): Document => ({
      kind: 'Group',
      metadata: metadataOf(shape, name),
      spec: { members: { kind: 'selector', selector: { matchLabels: labels, matchExpressions: [] } } },
    })),
    {
      kind: 'Group',
      metadata: metadataOf(shape, 'offices'),
      spec: { members: { kind: 'cidrs', cidrs: ['192.0.2.0/24', '2001:db8::/32'], except: ['192.0.2.128/25'] } },
    },
  ];
}

/** Even ones are firewall policies: who may open which service. Odd ones isolate an environment from the other. */
function policyDocument(random: Random, shape: TenantShape, index: number): Document {
  const group = (name: string): Rule['peers'] => [{ kind: 'group', group: name }];
  const spec = { tier: 'tenant', order: 1000 + index } as const;
  if (index % 2 === 1) {
    const [own, other] = random.shuffle(environments);
    const deny: Rule = { action: 'deny', peers: group(other ?? ''), log: false };
    return {
      kind: 'Policy',
      metadata: metadataOf(shape, `isolate-${index}`),
      spec: { ...spec, appliesTo: [own ?? ''], ingress: [deny], egress: [deny] },
    };
  }
  const service = random.pick(['http', 'https', 'postgresql', 'redis', 'ssh', 'dns']);
  const ingress: readonly Rule[] = [
    { action: 'allow', peers: group(random.pick(tiers)), services: [service], log: false },
    { action: 'allow', peers: group('offices'), services: ['ssh', { protocol: 'icmp' }], log: false },
  ];
  const egress: readonly Rule[] = [{ action: 'allow', peers: group(random.pick(tiers)), services: [service, 'dns'], log: false }];
  return {
    kind: 'Policy',
    metadata: metadataOf(shape, `allow-${index}`),
    spec: { ...spec, appliesTo: [random.pick(tiers)], ingress, egress },
  };
}

function qosDocument(random: Random, shape: TenantShape, index: number): Document {
  const maxMbps = Math.max(1, Math.round(shape.bandwidthMbps / random.integer(1, 4)));
  const appliesTo = index === 0 ? {} : { appliesTo: [random.pick(tiers)] };
  return {
    kind: 'QosPolicy',
    metadata: metadataOf(shape, `rate-${index}`),
    spec: { ...appliesTo, egress: { maxMbps }, ingress: { maxMbps } },
  };
}

function vmDocuments(random: Random, shape: TenantShape, nextHost: () => string): readonly Document[] {
  let number = 0;
  return Array.from({ length: shape.vms }, (_, index): Document => {
    const own = Math.floor(((index + 1) * shape.interfaces) / shape.vms) - Math.floor((index * shape.interfaces) / shape.vms);
    const interfaces = Array.from({ length: own }, (_, position) => interfaceOf(shape, position, number++));
    return {
      kind: 'Vm',
      metadata: metadataOf(shape, `vm-${index}`, { tier: random.pick(tiers), env: random.pick(environments) }),
      spec: { hypervisor: 'kvm', host: nextHost(), power: 'running', interfaces },
    };
  });
}

function interfaceOf(shape: TenantShape, position: number, number: number): VmInterface {
  const network = number % shape.networks;
  const host = 10 + number;
  const addresses = [address4(network, host), ...(network % 2 === 0 ? [address6(network, host)] : [])];
  const mac = `02:${[number >> 24, number >> 16, number >> 8, number].map((part) => (part & 255).toString(16).padStart(2, '0')).join(':')}:00`;
  return { name: `eth${position}`, network: networkName(network), mac, addresses, labels: {}, ports: {} };
}
