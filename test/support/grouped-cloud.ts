import { MemoryDocuments } from '../../bench/workloads/documents.ts';
import type { Document, Kind, Rule } from '../../policies/model/kinds.ts';

interface GroupedCloud {
  readonly documents: MemoryDocuments;
  readonly host: (vm: string) => string;
  readonly membersOf: (group: number) => number;
}

interface Sizes {
  readonly vms: number;
  readonly groups: number;
  readonly groupsOfVm: number;
  readonly rules: number;
  /** 50 VMs each when it is left out. */
  readonly hosts?: number;
  /** In the place of one peer and one port. */
  readonly rule?: Partial<Rule>;
}

/** One tenant, one network; VM n is in group n and the ones behind it, and rule n, a policy of its own, lets group n + 1 into group n. */
export function groupedCloud({ vms, groups, groupsOfVm, rules, hosts = Math.ceil(vms / 50), rule = {} }: Sizes): GroupedCloud {
  const documents = new MemoryDocuments();
  const put = (kind: Kind, tenant: string | undefined, name: string, spec: object, labels: Readonly<Record<string, string>> = {}): void => {
    const metadata = {
      name,
      ...(tenant === undefined ? {} : { tenant }),
      labels,
      uid: `${kind} ${name}`,
      createdAt: '2026-01-01T00:00:00Z',
    };
    documents.put({ kind, metadata, spec } as unknown as Document);
  };
  for (let host = 0; host < hosts; host++)
    put('Host', undefined, `h${host}`, { schedulable: true, encapIp: `172.16.${host >> 8}.${(host & 255) + 1}` });
  put('Tenant', undefined, 'acme', { posture: 'zero-trust', quotas: {} });
  put('Network', 'acme', 'net', {
    vni: 1000,
    subnets: [{ cidr: '10.0.0.0/16', gateway: '10.0.255.254', dhcp: true, dns: [] }],
    broadcast: false,
    isolation: 'none',
    sharedWith: [],
  });
  const memberships = (vm: number): readonly number[] => Array.from({ length: groupsOfVm }, (_, index) => (vm + index) % groups);
  const host = (vm: number): string => `h${Math.floor((vm * hosts) / vms)}`;
  for (let group = 0; group < groups; group++) {
    const selector = { matchLabels: { [`g${group}`]: 'in' }, matchExpressions: [] };
    put('Group', 'acme', `g${group}`, { members: { kind: 'selector', selector } });
  }
  for (let vm = 0; vm < vms; vm++) {
    const labels = Object.fromEntries(memberships(vm).map((group) => [`g${group}`, 'in']));
    const mac = `02:00:00:00:${(vm >> 8).toString(16).padStart(2, '0')}:${(vm & 255).toString(16).padStart(2, '0')}`;
    const item = { name: 'eth0', network: 'net', mac, addresses: [`10.0.${(vm + 1) >> 8}.${(vm + 1) & 255}`], labels: {}, ports: {} };
    put('Vm', 'acme', `v${vm}`, { hypervisor: 'kvm', power: 'running', host: host(vm), interfaces: [item] }, labels);
  }
  for (let number = 0; number < rules; number++) {
    const ingress: Rule = {
      action: 'allow',
      peers: [{ kind: 'group', group: `g${(number + 1) % groups}` }],
      services: [{ protocol: 'tcp', port: 443 }],
      log: false,
      ...rule,
    };
    put('Policy', 'acme', `p${number}`, {
      tier: 'tenant',
      order: 1000,
      appliesTo: [`g${number % groups}`],
      ingress: [ingress],
      egress: [],
    });
  }
  documents.renumber();
  return {
    documents,
    host: (vm) => host(Number(vm.slice(1))),
    membersOf: (group) => Array.from({ length: vms }, (_, vm) => vm).filter((vm) => memberships(vm).includes(group)).length,
  };
}
