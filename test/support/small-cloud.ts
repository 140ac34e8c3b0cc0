import { MemoryDocuments } from '../../bench/workloads/documents.ts';
import { createGraph } from '../../policies/index.ts';
import type { Element } from '../../policies/compiled.ts';
import type { Document, NetworkSpec, Rule, VmInterface } from '../../policies/model/kinds.ts';

interface NetworkPlan {
  readonly vni: number;
  /** The third octet of 10.0.X.0/24, and the fourth group of fd00:0:0:X::/64. */
  readonly block: number;
  readonly broadcast?: boolean;
  readonly isolation?: NetworkSpec['isolation'];
}

interface VmPlan {
  readonly tenant: string;
  readonly name: string;
  /** Its place in the list of hosts. */
  readonly host: number;
  readonly network: string;
  /** The last byte of its MAC and addresses. */
  readonly number: number;
}

const networks: Readonly<Record<string, NetworkPlan>> = {
  'red/web': { vni: 1001, block: 1 },
  'red/db': { vni: 1002, block: 2 },
  'red/chat': { vni: 1003, block: 3, broadcast: true },
  'red/cells': { vni: 1004, block: 4, isolation: 'private', broadcast: true },
  'blue/web': { vni: 1005, block: 1 },
};

const vms: readonly VmPlan[] = [
  { tenant: 'red', name: 'web1', host: 0, network: 'web', number: 11 },
  { tenant: 'red', name: 'web2', host: 0, network: 'web', number: 12 },
  { tenant: 'red', name: 'web3', host: 1, network: 'web', number: 13 },
  { tenant: 'red', name: 'db1', host: 0, network: 'db', number: 21 },
  { tenant: 'red', name: 'db2', host: 1, network: 'db', number: 22 },
  { tenant: 'red', name: 'chat1', host: 0, network: 'chat', number: 31 },
  { tenant: 'red', name: 'chat2', host: 0, network: 'chat', number: 32 },
  { tenant: 'red', name: 'chat3', host: 1, network: 'chat', number: 33 },
  { tenant: 'red', name: 'chat4', host: 2, network: 'chat', number: 34 },
  { tenant: 'red', name: 'cell1', host: 0, network: 'cells', number: 41 },
  { tenant: 'red', name: 'cell2', host: 0, network: 'cells', number: 42 },
  { tenant: 'red', name: 'cell3', host: 1, network: 'cells', number: 43 },
  { tenant: 'blue', name: 'web1', host: 0, network: 'web', number: 11 },
  { tenant: 'blue', name: 'web2', host: 0, network: 'web', number: 12 },
];

export interface SmallHost {
  readonly name: string;
  readonly encapIp: string;
}

const threeHosts: readonly SmallHost[] = [1, 2, 3].map((index) => ({ name: `h${index}`, encapIp: `172.16.0.${index}` }));

/**
 * Two tenants with the same addresses on up to three hosts, as a rule h1 to h3 with tunnel addresses 172.16.0.1 to 3. Red's networks are joined by a router. Everybody may do
 * everything (`open`), so that what does not pass is stopped by the network.
 */
export class SmallCloud {
  readonly documents = new MemoryDocuments();
  readonly #hosts: readonly SmallHost[];

  constructor(hosts = threeHosts) {
    this.#hosts = hosts;
    for (const { name, encapIp } of hosts) this.putHost(name, encapIp);
    for (const tenant of ['red', 'blue']) this.setPosture(tenant, 'open');
    for (const [key, plan] of Object.entries(networks)) {
      const [tenant = '', name = ''] = key.split('/');
      const subnets = [`10.0.${plan.block}.0/24 10.0.${plan.block}.1`, `fd00:0:0:${plan.block}::/64 fd00:0:0:${plan.block}::1`];
      this.#put('Network', tenant, name, {
        vni: plan.vni,
        subnets: subnets.map((text) => text.split(' ')).map(([cidr = '', gateway = '']) => ({ cidr, gateway, dhcp: true, dns: [] })),
        broadcast: plan.broadcast ?? false,
        isolation: plan.isolation ?? 'none',
        sharedWith: [],
      });
    }
    const joined = ['web', 'db', 'chat', 'cells'].map((network) => ({ tenant: 'red', network }));
    this.#put('Router', 'red', 'main', { networks: joined });
    for (const plan of vms) this.#putVm(plan);
    this.documents.renumber();
  }

  putHost(name: string, encapIp: string): void {
    this.#put('Host', undefined, name, { schedulable: true, encapIp });
  }

  elements(host: string): readonly Element[] {
    const graph = createGraph();
    graph.load(this.documents);
    return [...graph.elements(host).values()];
  }

  setPosture(tenant: string, posture: 'open' | 'zero-trust'): void {
    this.#put('Tenant', undefined, tenant, { posture, quotas: {} });
  }

  /** A policy of the tenant for all of its interfaces. */
  putPolicy(tenant: string, name: string, rules: { readonly ingress?: readonly Rule[]; readonly egress?: readonly Rule[] }): void {
    this.#put('Policy', tenant, name, { tier: 'tenant', order: 1000, ingress: rules.ingress ?? [], egress: rules.egress ?? [] });
    this.documents.renumber();
  }

  deletePolicy(tenant: string, name: string): void {
    this.documents.delete({ kind: 'Policy', tenant, name });
    this.documents.renumber();
  }

  /** A group of the interfaces whose VM has `role`. */
  putGroup(tenant: string, name: string, role: string): void {
    this.#put('Group', tenant, name, { members: { kind: 'selector', selector: { matchLabels: { role }, matchExpressions: [] } } });
  }

  putQos(tenant: string, name: string, spec: Extract<Document, { kind: 'QosPolicy' }>['spec']): void {
    this.#put('QosPolicy', tenant, name, spec);
  }

  /** VMs of a host that is not there are left out. */
  #putVm({ tenant, name, host: index, network, number }: VmPlan): void {
    const host = this.#hosts[index]?.name;
    if (host === undefined) return;
    const block = networks[`${tenant}/${network}`]?.block ?? 0;
    const item: VmInterface = {
      name: 'eth0',
      network,
      mac: `02:${tenant === 'red' ? 'aa' : 'bb'}:00:00:00:${number.toString(16).padStart(2, '0')}`,
      addresses: [`10.0.${block}.${number}`, `fd00:0:0:${block}::${number.toString(16)}`],
      labels: {},
      ports: {},
    };
    this.#put('Vm', tenant, name, { hypervisor: 'kvm', host, power: 'running', interfaces: [item] }, { role: name });
  }

  #put(kind: Document['kind'], tenant: string | undefined, name: string, spec: Document['spec'], labels = {}): void {
    const metadata = { name, ...(tenant === undefined ? {} : { tenant }), labels, uid: `${kind}-${tenant ?? ''}-${name}`, createdAt: '' };
    this.documents.put({ kind, metadata, spec } as Document);
  }
}
