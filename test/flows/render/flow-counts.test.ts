import { expect, test } from 'vitest';
import { MemoryDocuments } from '../../../bench/workloads/documents.ts';
import { flowKey, flowsEqual } from '../../../flows/model/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { renderElement, renderPort } from '../../../flows/render/index.ts';
import { createGraph } from '../../../policies/index.ts';
import { elementKey } from '../../../policies/compiled.ts';
import type { Element } from '../../../policies/compiled.ts';
import type { Document, VmInterface } from '../../../policies/model/kinds.ts';
import { interfaceFlows } from '../../../src/admission/budget.ts';
import { SmallCloud } from '../../support/small-cloud.ts';

/** How many flows things take, as docs/architecture.md promises and admission counts. */

const render = (element: Element): readonly Flow[] => renderElement(elementKey(element), element);
const ofKind = <K extends Element['kind']>(elements: readonly Element[], kind: K) =>
  elements.filter((element): element is Extract<Element, { kind: K }> => element.kind === kind);

test('an address of another interface takes at most three: the way, the answer, the identity', () => {
  const elements = new SmallCloud().elements('h1');
  const away = ofKind(elements, 'neighbour').filter(({ at }) => at.kind === 'remote');
  expect(away.length).toBeGreaterThan(0);
  for (const neighbour of away) {
    const flows = [neighbour, ...ofKind(elements, 'identity').filter(({ mac }) => mac === neighbour.mac)].flatMap(render);
    expect(flows.length).toBeLessThanOrEqual(3 * neighbour.addresses.length);
    if (!neighbour.answered) continue;
    expect(flows).toHaveLength(3 * neighbour.addresses.length);
  }
});

test.each([
  ['one IPv4 address', ['10.0.1.11'], 8],
  ['IPv4 and IPv6', ['10.0.1.11', 'fd00:0:0:1::b'], 14],
] as const)('an interface here with %s takes %s', (_, addresses, count) => {
  const cloud = new SmallCloud();
  const document = cloud.documents.get('Vm', 'red', 'web1')?.document;
  const item = document?.spec.interfaces[0];
  if (!document || !item) throw new Error('red/web1 is missing');
  const plain: VmInterface = { ...item, addresses };
  cloud.documents.put({ ...document, spec: { ...document.spec, interfaces: [plain] } });
  const elements = cloud.elements('h1');
  const local = ofKind(elements, 'interface').find(({ portId }) => portId === 'Vm-red-web1-eth0');
  if (!local) throw new Error('red/web1 has no element');
  const own = elements.filter((element) => (element.kind === 'neighbour' || element.kind === 'identity') && element.mac === local.mac);
  const flows = [...[local, ...own].flatMap(render), ...renderPort(local, 1)];
  expect(flows).toHaveLength(count);
  expect(count).toBeLessThanOrEqual(interfaceFlows(plain));
  // Rate limits in both directions and DSCP.
  const limit = { maxKbps: 1000, burstKb: 100 };
  const shaped = render({ ...local, egress: limit, ingress: limit, dscp: 46 });
  expect(shaped.length - render(local).length).toBe(3);
});

/** Flows of a host by key. */
function flowsAt(elements: Iterable<Element>): ReadonlyMap<string, Flow> {
  return new Map([...elements].flatMap(render).map((flow) => [flowKey(flow), flow]));
}

function difference(before: ReadonlyMap<string, Flow>, after: ReadonlyMap<string, Flow>): readonly Flow[] {
  const changed = [...after].filter(([key, flow]) => {
    const old = before.get(key);
    return old === undefined || !flowsEqual(old, flow);
  });
  return [...changed, ...[...before].filter(([key]) => !after.has(key))].map(([, flow]) => flow);
}

function relabelled(documents: MemoryDocuments, tenant: string, name: string, role: string): void {
  const document = documents.get('Vm', tenant, name)?.document;
  if (!document) throw new Error(`${tenant}/${name} is missing`);
  const changed: Document = { ...document, metadata: { ...document.metadata, labels: { role } } };
  documents.put(changed);
}

test('a relabelled VM changes one identity for each address on the hosts that know it, and its own place', () => {
  const cloud = new SmallCloud();
  cloud.putGroup('red', 'front', 'front');
  cloud.putPolicy('red', 'guard', { ingress: [{ action: 'allow', peers: [{ kind: 'group', group: 'front' }], log: false }] });
  const graph = createGraph();
  graph.load(cloud.documents);
  const hosts = [...graph.hosts()];
  const before = new Map(hosts.map((host) => [host, flowsAt(graph.elements(host).values())]));
  relabelled(cloud.documents, 'red', 'web1', 'front');
  graph.update({ documents: [{ id: { kind: 'Vm', tenant: 'red', name: 'web1' } }], numbers: [] }, cloud.documents);
  const changed = hosts.map((host) => difference(before.get(host) ?? new Map(), flowsAt(graph.elements(host).values())).length);
  // Two addresses everywhere; the interface's own groups on h1.
  expect(new Map(hosts.map((host, index) => [host, changed[index]]))).toEqual(
    new Map([
      ['h1', 3],
      ['h2', 2],
      ['h3', 2],
    ]),
  );
});
