import { parseArgs } from 'node:util';
import { createGraph } from '../../policies/index.ts';
import type { Change, PolicyGraph } from '../../policies/index.ts';
import type { Document, VmInterface } from '../../policies/model/kinds.ts';
import { referenceCloud } from '../workloads/reference-cloud.ts';
import type { Placement, ReferenceCloud } from '../workloads/reference-cloud.ts';
import type { Figure } from '../figure.ts';

/**
 * The policy compiler on the reference cloud: `node --expose-gc bench/micro/policies.ts [--scale 1] [--placement packed|spread] [--json]`. Setup is outside
 * of every timer. Memory is the heap after a collection, with the documents and without; of the second placement in a process it still counts the first: run one alone.
 */
type Result = Figure<'policies'>;

type Vm = Extract<Document, { kind: 'Vm' }>;
type Policy = Extract<Document, { kind: 'Policy' }>;

const changesMeasured = 2000;
const megabyte = 2 ** 20;

function run(scale: number, placements: readonly Placement[], report: (result: Result) => void): void {
  for (const placement of placements) {
    const cloud = referenceCloud({ seed: 1, scale, placement });
    const name = `${placement}/${cloud.counts.vms}vms/${cloud.counts.hosts}hosts`;
    const graph = coldCompile(cloud, name, report);
    for (const kind of changeKinds) measureChange(cloud, graph, name, kind, report);
  }
}

function coldCompile(cloud: ReferenceCloud, name: string, report: (result: Result) => void): PolicyGraph {
  const heapBefore = heapUsed();
  const graph = createGraph();
  const started = performance.now();
  const elements = graph.load(cloud.documents).reduce((sum, change) => sum + change.put.length, 0);
  const elapsed = performance.now() - started;
  const heapAfter = heapUsed();
  if (elements < cloud.counts.interfaces) throw new Error(`${elements} elements are too few for ${cloud.counts.interfaces} interfaces`);
  report({ bench: 'policies', case: name, metric: 'cold-compile', unit: 'ms', value: elapsed, n: cloud.counts.hosts });
  report({ bench: 'policies', case: name, metric: 'elements', unit: 'elements', value: elements, n: cloud.counts.hosts });
  report({ bench: 'policies', case: name, metric: 'graph-heap', unit: 'MB', value: (heapAfter - heapBefore) / megabyte, n: 1 });
  report({ bench: 'policies', case: name, metric: 'documents-heap', unit: 'MB', value: heapBefore / megabyte, n: 1 });
  return graph;
}

/** A change made to a VM, and one that undoes it: measured one by one, in turn, over the VMs of the cloud. */
type ChangeKind = 'label-changed' | 'interface-added' | 'vm-stopped' | 'rule-changed';
const changeKinds: readonly ChangeKind[] = ['label-changed', 'interface-added', 'vm-stopped', 'rule-changed'];

function measureChange(cloud: ReferenceCloud, graph: PolicyGraph, name: string, kind: ChangeKind, report: (result: Result) => void): void {
  const originals = originalsOf(cloud, kind);
  const times: number[] = [];
  let hosts = 0;
  for (let index = 0; index < changesMeasured; index++) {
    const original = originals[(Math.floor(index / 2) * 7919) % originals.length];
    if (original === undefined) throw new Error('the cloud has nothing to change');
    const change = put(cloud, index % 2 === 0 ? changed(kind, original) : original);
    const started = performance.now();
    const changes = graph.update(change, cloud.documents);
    times.push(performance.now() - started);
    hosts += changes.length;
  }
  if (hosts === 0) throw new Error(`${kind} changed no host`);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0) * 1000;
  report({ bench: 'policies', case: name, metric: kind, unit: 'us', value: at(0.5), p99: at(0.99), n: times.length });
  report({ bench: 'policies', case: name, metric: `${kind}-hosts`, unit: 'hosts', value: hosts / times.length, n: times.length });
}

function originalsOf({ documents }: ReferenceCloud, kind: ChangeKind): readonly (Vm | Policy)[] {
  if (kind !== 'rule-changed') return [...documents.list('Vm')].map(({ document }) => document);
  return [...documents.list('Policy')].map(({ document }) => document).filter((policy) => policy.spec.ingress.length > 1);
}

function changed(kind: ChangeKind, original: Vm | Policy): Vm | Policy {
  if (original.kind === 'Policy') {
    const [first, ...rest] = original.spec.ingress;
    return first ? { ...original, spec: { ...original.spec, ingress: [{ ...first, action: 'deny' }, ...rest] } } : original;
  }
  const { metadata, spec } = original;
  if (kind === 'label-changed')
    return {
      ...original,
      metadata: { ...metadata, labels: { ...metadata.labels, tier: metadata.labels['tier'] === 'web' ? 'db' : 'web' } },
    };
  if (kind === 'vm-stopped') return { ...original, spec: { ...spec, power: 'stopped' } };
  const [first] = spec.interfaces;
  return first ? { ...original, spec: { ...spec, interfaces: [...spec.interfaces, added(first)] } } : original;
}

/** An interface beside another one, with addresses that no VM of the workload has. */
function added(beside: VmInterface): VmInterface {
  const [first = '10.0.15.1'] = beside.addresses;
  return {
    ...beside,
    name: 'added',
    mac: '06:00:00:00:00:01',
    addresses: [first.replace(/(\d+)\.\d+$/, (_, octet: string) => `${Number(octet) + 15}.250`)],
  };
}

/** What a commit of that document would tell: the document, and for a VM its zones. */
function put(cloud: ReferenceCloud, document: Vm | Policy): Change {
  const id = cloud.documents.put(document);
  const numbered = document.kind === 'Vm' && cloud.documents.numberVm(document);
  return { documents: [{ id }], numbers: numbered ? [id] : [] };
}

function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('memory is measured with --expose-gc');
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

const { values } = parseArgs({
  options: { scale: { type: 'string', default: '1' }, placement: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const placements = (['packed', 'spread'] as const).filter((placement) => values.placement === undefined || values.placement === placement);
run(Number(values.scale), placements, (result) => {
  const value = Math.round(result.value * 100) / 100;
  const p99 = result.p99 === undefined ? undefined : Math.round(result.p99 * 100) / 100;
  if (values.json) console.log(JSON.stringify({ ...result, value, p99 }));
  else console.log(`${result.case}  ${result.metric}: ${value} ${result.unit}${p99 === undefined ? '' : `, p99 ${p99}`}`);
});
