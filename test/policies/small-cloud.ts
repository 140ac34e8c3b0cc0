import { MemoryDocuments } from '../../bench/workloads/documents.ts';
import type { Document, GroupSpec, PolicySpec, Rule, Selector, VmInterface, VmSpec } from '../../policies/model/kinds.ts';

type DocumentOfKind<K extends Document['kind']> = Extract<Document, { kind: K }>;

/** Documents in a few words, with what a test leaves out filled in. */
export class SmallCloud {
  readonly documents = new MemoryDocuments();

  put<K extends Document['kind']>(
    kind: K,
    tenant: string | undefined,
    name: string,
    spec: DocumentOfKind<K>['spec'],
    labels: Record<string, string> = {},
  ): this {
    const metadata = {
      name,
      ...(tenant === undefined ? {} : { tenant }),
      labels,
      uid: `${tenant ?? '-'}-${name}`,
      createdAt: '2026-01-01T00:00:00Z',
    };
    this.documents.put({ kind, metadata, spec } as Document);
    return this;
  }

  tenant(name: string, posture: 'zero-trust' | 'open' = 'zero-trust'): this {
    return this.put('Tenant', undefined, name, { posture, quotas: {} });
  }

  host(name: string, encapIp?: string): this {
    return this.put('Host', undefined, name, { schedulable: true, ...(encapIp === undefined ? {} : { encapIp }) });
  }

  network(tenant: string, name: string, vni: number, cidr: string, gateway: string): this {
    const subnets = [{ cidr, gateway, dhcp: true, dns: [] }];
    return this.put('Network', tenant, name, { vni, subnets, broadcast: false, isolation: 'none', sharedWith: [] });
  }

  router(tenant: string | undefined, name: string, ...networks: readonly (readonly [tenant: string, network: string])[]): this {
    return this.put('Router', tenant, name, { networks: networks.map(([owner, network]) => ({ tenant: owner, network })) });
  }

  group(tenant: string | undefined, name: string, matchLabels: Record<string, string>, tenants?: GroupSpec['tenants']): this {
    const selector: Selector = { matchLabels, matchExpressions: [] };
    return this.put('Group', tenant, name, { members: { kind: 'selector', selector }, ...(tenants === undefined ? {} : { tenants }) });
  }

  blocks(tenant: string | undefined, name: string, cidrs: readonly string[], except: readonly string[] = []): this {
    return this.put('Group', tenant, name, { members: { kind: 'cidrs', cidrs, except } });
  }

  policy(tenant: string | undefined, name: string, spec: Partial<PolicySpec>): this {
    return this.put('Policy', tenant, name, {
      tier: tenant === undefined ? 'platform' : 'tenant',
      order: 1000,
      ingress: [],
      egress: [],
      ...spec,
    });
  }

  vm(tenant: string, name: string, host: string | undefined, labels: Record<string, string>, ...interfaces: readonly VmInterface[]): this {
    const spec: VmSpec = {
      hypervisor: 'kvm',
      power: host === undefined ? 'stopped' : 'running',
      ...(host === undefined ? {} : { host }),
      interfaces,
    };
    return this.put('Vm', tenant, name, spec, labels);
  }
}

let serial = 0;

export function nic(network: string, addresses: string | readonly string[], more: Partial<VmInterface> = {}): VmInterface {
  const mac = `02:00:00:00:00:${(++serial % 256).toString(16).padStart(2, '0')}`;
  return { name: 'eth0', network, mac, addresses: typeof addresses === 'string' ? [addresses] : addresses, labels: {}, ports: {}, ...more };
}

export function rule(action: Rule['action'], more: Partial<Rule> = {}): Rule {
  return { action, log: false, ...more };
}

export const inGroup = (group: string, tenant?: string): NonNullable<Rule['peers']>[number] => ({
  kind: 'group',
  group,
  ...(tenant === undefined ? {} : { tenant }),
});
