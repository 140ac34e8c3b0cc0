import { createGraph } from '../../policies/index.ts';
import type { Element } from '../../policies/compiled.ts';
import type { Document, Metadata, Rule } from '../../policies/model/kinds.ts';
import { MemoryDocuments } from './documents.ts';

const createdAt = '2026-01-01T00:00:00Z';
const metadata = (name: string, labels: Metadata['labels'] = {}): Metadata => ({ name, tenant: 't', labels, uid: `t.${name}`, createdAt });
const networks = 4;
const groups = 32;
const localVms = 50;
/** The way, the answer and the identity of each address elsewhere. */
const flowsPerRemote = 3;

/**
 * What one host has to know of a large tenant: fifty VMs of its own in four routed networks, a policy for each pair of neighbouring groups, and as many
 * VMs elsewhere as bring the flows near `flowCount`. Compiled, not yet rendered.
 */
export function oneHost(flowCount: number): readonly Element[] {
  const documents = new MemoryDocuments();
  const remote = Math.max(0, Math.floor((flowCount - 1_000) / flowsPerRemote));
  const host = (name: string, number: number): Document => ({
    kind: 'Host',
    metadata: { name, labels: {}, uid: name, createdAt },
    spec: { schedulable: true, encapIp: `172.16.${number >> 8}.${number & 255}` },
  });
  documents.put({ kind: 'Tenant', metadata: { name: 't', labels: {}, uid: 't', createdAt }, spec: { posture: 'zero-trust', quotas: {} } });
  documents.put(host('here', 0));
  for (let index = 0; index * localVms < remote; index++) documents.put(host(`there-${index}`, index + 1));
  for (let index = 0; index < networks; index++) documents.put(network(index));
  const joined = Array.from({ length: networks }, (_, index) => ({ tenant: 't', network: `net-${index}` }));
  documents.put({ kind: 'Router', metadata: metadata('core'), spec: { networks: joined } });
  for (let index = 0; index < groups; index++) {
    documents.put(group(index));
    documents.put(policy(index));
  }
  for (let index = 0; index < localVms + remote; index++) documents.put(vm(index));
  documents.renumber();
  const graph = createGraph();
  graph.load(documents);
  return [...graph.elements('here').values()];
}

function network(index: number): Document {
  const subnet = { cidr: `10.${index}.0.0/16`, gateway: `10.${index}.0.1`, dhcp: true, dns: [] };
  return {
    kind: 'Network',
    metadata: metadata(`net-${index}`),
    spec: { vni: 1000 + index, subnets: [subnet], broadcast: false, isolation: 'none', sharedWith: [] },
  };
}

function group(index: number): Document {
  const selector = { matchLabels: { role: `r${index}` }, matchExpressions: [] };
  return { kind: 'Group', metadata: metadata(`g${index}`), spec: { members: { kind: 'selector', selector } } };
}

function policy(index: number): Document {
  const from: Rule['peers'] = [
    { kind: 'group', group: `g${(index + 1) % groups}` },
    { kind: 'group', group: `g${(index + 2) % groups}` },
  ];
  return {
    kind: 'Policy',
    metadata: metadata(`p${index}`),
    spec: {
      tier: 'tenant',
      order: 1000 + index,
      appliesTo: [`g${index}`],
      ingress: [{ action: 'allow', peers: from, services: ['http', 'https', 'ssh'], log: false }],
      egress: [{ action: 'allow', log: false }],
    },
  };
}

function vm(index: number): Document {
  const part = index % networks;
  const number = 16 + Math.floor(index / networks);
  const mac = `02:00:${[index >> 16, index >> 8, index].map((byte) => (byte & 255).toString(16).padStart(2, '0')).join(':')}:01`;
  const addresses = [`10.${part}.${number >> 8}.${number & 255}`];
  return {
    kind: 'Vm',
    metadata: metadata(`vm-${index}`, { role: `r${index % groups}` }),
    spec: {
      hypervisor: 'kvm',
      host: index < localVms ? 'here' : `there-${Math.floor((index - localVms) / localVms)}`,
      power: 'running',
      interfaces: [{ name: 'eth0', network: `net-${part}`, mac, addresses, labels: {}, ports: {} }],
    },
  };
}
