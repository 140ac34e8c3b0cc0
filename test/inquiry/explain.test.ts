import { expect, test } from 'vitest';
import type { BlockerCode, Explanation } from '../../src/inquiry/ports.ts';
import type { Document } from '../../policies/model/kinds.ts';
import type { SwitchError } from '../../src/controller/ports.ts';
import type { FlowCounters } from '../../src/inquiry/explain/explain.ts';
import { ExplainScene, sceneRevision } from '../support/explain-scene.ts';
import { SmallCloud } from '../support/small-cloud.ts';

const codes = ({ blockers }: Explanation): readonly BlockerCode[] => blockers.map(({ code }) => code);
const http = [{ protocol: 'tcp', port: 80 }] as const;

test('a connection that passes: both sides, the way over the router and the tunnel, the flows of both hosts', async () => {
  const scene = new ExplainScene();
  scene.cloud.putPolicy('red', 'guard', { ingress: [{ action: 'allow', services: http, log: false }] });
  scene.changed();
  const answer = await scene.ask('web1', 'db2');
  expect(answer).toMatchObject({
    revision: sceneRevision,
    passes: true,
    verdict: 'allow',
    summary: 'allowed, and it passes',
    question: {
      from: { address: '10.0.1.11', tenant: 'red', vm: 'web1', network: 'red/web' },
      to: { vm: 'db2' },
      protocol: 'tcp',
      port: 80,
    },
    egress: { verdict: 'allow', tier: 'posture', tried: [{ tier: 'tenant', policy: 'guard' }] },
    ingress: { verdict: 'allow', tier: 'tenant', policy: 'guard', rule: 0, words: 'allow tcp/80 from anyone' },
    blockers: [],
    path: {
      networks: [
        { name: 'red/web', vni: 1001 },
        { name: 'red/db', vni: 1002 },
      ],
      router: 'red/main',
      hosts: ['h1', 'h2'],
      tunnel: { vni: 1002, from: '172.16.0.1', to: '172.16.0.2' },
      mtu: 1450,
    },
    hosts: [
      { name: 'h1', role: 'sender', connected: true, outcome: 'sent into the tunnel to 172.16.0.2, VNI 1002' },
      { name: 'h2', role: 'receiver', connected: true, outcome: 'delivered' },
    ],
  });
  const id = answer.ingress?.id ?? 0;
  expect(answer.records).toMatchObject([{ host: 'h2', label: `0x${id.toString(16)}` }]);
  expect(await scene.explain.rule(id, undefined)).toMatchObject({ tenant: 'red', policy: 'guard', direction: 'ingress', rule: 0 });
  expect(await scene.explain.rule(id, 'blue')).toBeUndefined();
  const tables = answer.hosts.map(({ flows }) => flows.map(({ table }) => table));
  expect(tables[0]).toEqual(expect.arrayContaining(['classify', 'local', 'security', 'nextHop', 'conntrack', 'encap', 'tunnel']));
  expect(tables[1]).toEqual(expect.arrayContaining(['tunnelSource', 'forward', 'ingressTenant', 'allow', 'output']));
  expect(answer.hosts[1]?.flows.some(({ element }) => element.startsWith('rule/'))).toBe(true);
});

test('a denied connection names the rule that decided and those that were asked before it', async () => {
  const scene = new ExplainScene();
  scene.cloud.putPolicy('red', 'a-first', { ingress: [{ action: 'allow', services: [{ protocol: 'udp', port: 53 }], log: false }] });
  scene.cloud.putPolicy('red', 'b-second', {
    ingress: [{ action: 'deny', peers: [{ kind: 'cidr', cidr: '10.0.1.0/24', except: ['10.0.1.12/32'] }], log: false }],
  });
  scene.changed();
  const answer = await scene.ask('web1', 'db1');
  expect(answer).toMatchObject({
    passes: false,
    verdict: 'deny',
    summary: 'denied at ingress by policy b-second, rule 0',
    blockers: [],
    ingress: {
      policy: 'b-second',
      words: 'deny everything from 10.0.1.0/24 except 10.0.1.12/32',
      tried: [{ policy: 'a-first' }, { policy: 'b-second', rule: 0, action: 'deny' }],
    },
    records: [],
  });
  expect(answer.hosts[0]?.outcome).toMatch(/^dropped in table deny/);
  expect((await scene.ask('web2', 'db1')).passes).toBe(true);
});

type Arrange = (scene: ExplainScene) => void;
const vmSpec = (scene: ExplainScene, name: string, change: Partial<Extract<Document, { kind: 'Vm' }>['spec']>): void => {
  const document = scene.cloud.documents.get('Vm', 'red', name)?.document;
  if (!document) throw new Error(`there is no ${name}`);
  scene.cloud.documents.put({ ...document, spec: { ...document.spec, ...change } });
  scene.cloud.documents.renumber();
};
const nothing: Arrange = () => undefined;
const status =
  (host: string, change: object): Arrange =>
  (scene) =>
    void scene.statuses.set(host, change);

interface Case {
  readonly code: BlockerCode;
  readonly from: string;
  readonly to: string;
  readonly arrange: Arrange;
  readonly more: object;
}

const rows: readonly (readonly [BlockerCode, string, string, Arrange, object?])[] = [
  ['no-route', 'red/web1', 'blue/web2', nothing, { tenant: undefined }],
  ['isolated', 'cell1', 'cell2', nothing],
  ['no-such-address', 'web1', '10.0.1.99', nothing],
  ['no-such-address', '10.0.1.99', 'web1', nothing],
  ['no-such-address', 'web1', '10.0.2.1', nothing],
  ['vm-stopped', 'web1', 'db1', (scene) => vmSpec(scene, 'db1', { power: 'stopped' })],
  ['spoof-guard', 'web1', 'db1', nothing, { fromAddress: '10.0.1.77' }],
  ['spoof-guard', 'web1', 'db1', nothing, { fromMac: '02:00:00:00:00:99' }],
  ['host-down', 'web1', 'web3', status('h2', { connected: false })],
  ['not-realized', 'web1', 'web3', status('h2', { realizedRevision: sceneRevision - 1 })],
  ['port-not-plugged', 'web1', 'web3', (scene) => void scene.phases.set('red/web3', { phase: 'prepared' })],
  ['wrong-host', 'web1', 'web3', (scene) => void scene.phases.set('red/web3', { phase: 'wrong-host', reason: 'wrong-host: on h3' })],
  ['inconsistent', 'web1', 'web2', (scene) => (scene.damage = (_, owner) => owner.startsWith('neighbour/1001/'))],
];
const cases = rows.map(([code, from, to, arrange, more = {}]): Case => ({ code, from, to, arrange, more }));

test.each(cases)('$code: $from → $to', async ({ code, from, to, arrange, more }) => {
  const scene = new ExplainScene();
  arrange(scene);
  scene.changed();
  const answer = await scene.ask(from, to, more);
  expect(codes(answer)).toContain(code);
  expect(answer.blockers[0]?.code).toBe(code);
  expect(answer.passes).toBe(false);
  expect(answer.summary).toContain(answer.blockers[0]?.detail);
  expect(answer.blockers.every(({ advice }) => advice.length > 10)).toBe(true);
});

test('a VM without a host, and a host without a tunnel address', async () => {
  const scene = new ExplainScene();
  const document = scene.cloud.documents.get('Vm', 'red', 'db2')?.document;
  if (!document) throw new Error('there is no db2');
  const { host: _, ...spec } = document.spec;
  scene.cloud.documents.put({ ...document, spec });
  scene.changed();
  expect(codes(await scene.ask('web1', 'db2'))).toEqual(['no-host']);
  scene.cloud.documents.put({ ...document });
  const host = scene.cloud.documents.get('Host', undefined, 'h2')?.document;
  if (!host) throw new Error('there is no h2');
  scene.cloud.documents.put({ ...host, spec: { schedulable: true } });
  scene.changed();
  expect(codes(await scene.ask('web1', 'web3'))).toContain('no-encap');
});

test('an error of the switch counts when it is about what the packet meets', async () => {
  const scene = new ExplainScene();
  const errors = (element: string): Arrange => status('h1', { errors: [{ host: 'h1', element, error: 'OFPFMFC_TABLE_FULL', at: '' }] });
  errors('neighbour/1001/2199023255564')(scene);
  scene.changed();
  const { hosts } = await scene.ask('web1', 'web2');
  const met = hosts[0]?.flows.find(({ table }) => table === 'forward')?.element ?? '';
  errors(met)(scene);
  expect(codes(await scene.ask('web1', 'web2'))).toEqual(['switch-error']);
  errors('neighbour/1001/1')(scene);
  expect(codes(await scene.ask('web1', 'web2'))).toEqual([]);
});

test('all blockers are listed', async () => {
  const scene = new ExplainScene();
  scene.statuses.set('h1', { connected: false });
  scene.phases.set('red/web3', { phase: 'prepared' });
  scene.statuses.set('h2', { realizedRevision: 1 });
  scene.changed();
  const answer = await scene.ask('web1', 'web3', { fromAddress: '10.0.1.77' });
  expect(codes(answer)).toEqual(['spoof-guard', 'host-down', 'not-realized', 'port-not-plugged']);
});

test('a gateway answers echo requests, whatever policies say', async () => {
  const scene = new ExplainScene();
  scene.cloud.setPosture('red', 'zero-trust');
  scene.changed();
  const answer = await scene.ask('web1', '10.0.2.1', { protocol: 'icmp', port: undefined } as object);
  expect(answer).toMatchObject({ passes: true, verdict: 'allow', egress: null, ingress: null });
  expect(answer.hosts[0]?.outcome).toBe('answered here');
});

test('the past: rules, places and flows as they were, without counters', async () => {
  const scene = new ExplainScene({ flowsOf: () => Promise.reject(new Error('the past has no counters')) });
  const before = new SmallCloud();
  before.setPosture('red', 'zero-trust');
  scene.past.set(3, before);
  const answer = await scene.ask('web1', 'web3', { at: { kind: 'revision', revision: 3 } });
  expect(answer).toMatchObject({ revision: 3, passes: false, verdict: 'deny', egress: { tier: 'posture' } });
  expect(answer.blockers).toEqual([]);
  expect(answer.hosts[0]?.flows.length).toBeGreaterThan(8);
  expect(answer.hosts[0]).not.toHaveProperty('connected');
  scene.past.set(4, new SmallCloud());
  const later = await scene.ask('web1', 'web3', { at: { kind: 'time', wallMs: 4_000 } });
  expect(later).toMatchObject({ revision: 4, passes: true, path: { hosts: ['h1', 'h2'] } });
  expect(later.hosts.map(({ outcome }) => outcome)).toEqual([expect.stringContaining('tunnel'), 'delivered']);
  await expect(scene.ask('web1', 'web3', { at: { kind: 'revision', revision: 2 } })).rejects.toMatchObject({ code: 'compacted' });
  await expect(scene.ask('web1', 'web3', { at: { kind: 'revision', revision: 99 } })).rejects.toMatchObject({ code: 'malformed' });
});

test('counters stand beside the flows that the switch names', async () => {
  const scene = new ExplainScene({
    flowsOf: async (host, elements) => {
      expect(elements.has('base')).toBe(true);
      return [
        { element: 'base', table: 'deliver', priority: 20, match: 'metadata=0x4000000000000/0x4000000000000', packets: 5, bytes: 490 },
      ].filter(() => host === 'h1');
    },
  });
  scene.changed();
  const { hosts } = await scene.ask('web1', 'web2');
  expect(hosts[0]?.flows.find(({ table, priority }) => table === 'deliver' && priority === 20)).toMatchObject({ packets: 5, bytes: 490 });
  expect(hosts[0]?.flows.find(({ table }) => table === 'classify')).not.toHaveProperty('packets');
});

/** A network of red in which blue has an interface, on a host of ours; blue denies what comes there. */
function guestAt(host: string, counters?: FlowCounters): ExplainScene {
  const scene = new ExplainScene(counters);
  const { documents } = scene.cloud;
  const web = documents.get('Network', 'red', 'web')?.document;
  const blue = documents.get('Vm', 'blue', 'web2')?.document;
  if (!web || !blue) throw new Error('the cloud lacks them');
  documents.put({ ...web, spec: { ...web.spec, sharedWith: ['blue'] } });
  const [item] = blue.spec.interfaces;
  if (!item) throw new Error('blue/web2 has no interface');
  documents.put({ ...blue, spec: { ...blue.spec, host, interfaces: [{ ...item, network: 'red/web', addresses: ['10.0.1.55'] }] } });
  documents.renumber();
  scene.cloud.putPolicy('blue', 'secret-policy', { ingress: [{ action: 'deny', log: false }] });
  scene.changed();
  return scene;
}

test('a tenant learns nothing of the other side, of the platform no names of others, and no tunnel addresses', async () => {
  const scene = guestAt('h2');
  scene.statuses.set('h2', { connected: false });
  const all = await scene.ask('red/web1', 'blue/web2', { tenant: undefined });
  expect(all).toMatchObject({ verdict: 'deny', ingress: { policy: 'secret-policy' }, path: { hosts: ['h1', 'h2'] } });
  const told = await scene.ask('web1', '10.0.1.55', { sees: 'red' });
  expect(told).toMatchObject({
    verdict: 'deny',
    egress: { tier: 'posture', tried: [] },
    question: { to: { address: '10.0.1.55' } },
    path: { hosts: ['h1'], tunnel: { vni: 1001 } },
    hosts: [{ name: 'h1', outcome: 'sent into the tunnel, VNI 1001' }],
  });
  expect(told.ingress).toEqual({ verdict: 'deny', tier: 'tenant' });
  expect(codes(told)).toEqual(['other-side']);
  expect(JSON.stringify(told)).not.toMatch(/secret-policy|blue|h2|172\.16\.|0xac10/);
});

test('on a shared host a tenant is shown the flows of its own, and what is counted for its own alone', async () => {
  const asked = new Set<string>();
  const scene = guestAt('h1', {
    flowsOf: async (_, elements) => {
      for (const element of elements) asked.add(element);
      return [];
    },
  });
  scene.cloud.putPolicy('red', 'mine', { egress: [{ action: 'allow', services: http, log: false }] });
  const mine = scene.cloud.documents.get('Policy', 'red', 'mine')?.document;
  if (!mine) throw new Error('the policy was not put');
  const { tenant: _, ...metadata } = mine.metadata;
  scene.cloud.documents.put({
    ...mine,
    metadata: { ...metadata, name: 'theirs' },
    spec: { ...mine.spec, tier: 'platform', egress: [{ action: 'pass', services: http, log: false }] },
  });
  scene.cloud.documents.renumber();
  scene.changed();
  const elementsOf = ({ hosts }: Explanation): Set<string> => new Set(hosts.flatMap(({ flows }) => flows.map(({ element }) => element)));
  const all = elementsOf(await scene.ask('web1', '10.0.1.55'));
  for (const hidden of [/blue/, /^rule\/2\//, /^rule\/1\/platform/]) expect([...all].some((element) => hidden.test(element))).toBe(true);
  asked.clear();
  const told = elementsOf(await scene.ask('web1', '10.0.1.55', { sees: 'red' }));
  const rule = [...told].find((element) => element.startsWith('rule/'));
  expect(rule).toMatch(/^rule\/1\/tenant\/egress\//);
  const own = [rule, 'port/Vm-red-web1-eth0', 'interface/Vm-red-web1-eth0'];
  expect(told).toEqual(new Set(['base', ...own]));
  expect(asked).toEqual(new Set(own));
});

test('what a switch refuses of others is to a tenant only that there is something', async () => {
  const scene = guestAt('h1');
  const refused = (element: string): SwitchError => ({ host: 'h1', element, error: 'OFPBAC_BAD_OUT_PORT', at: '2026-01-31T12:00:00Z' });
  scene.statuses.set('h1', { errors: [refused('interface/Vm-blue-web2-eth0')] });
  const blocked = async (sees: string | undefined) => (await scene.ask('web1', '10.0.1.55', { sees })).blockers;
  expect(await blocked(undefined)).toMatchObject([{ code: 'switch-error', detail: expect.stringContaining('blue-web2') }]);
  expect(await blocked('red')).toMatchObject([
    { code: 'other-side', side: 'to', detail: 'something on the other side keeps it from passing' },
  ]);
  scene.statuses.set('h1', { errors: [refused('interface/Vm-red-web1-eth0')] });
  expect(await blocked('red')).toMatchObject([{ code: 'switch-error', side: 'from' }]);
});
