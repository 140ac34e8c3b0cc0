import { afterAll, beforeAll, expect, test } from 'vitest';
import { captureFrames, listenTcp, listenUdp, openTcp, streamUdp } from '../../src/lab/index.ts';
import type { Guest } from '../../src/lab/index.ts';
import { bufferDrops } from '../support/buffer-drops.ts';
import { Flood } from '../support/flood.ts';
import { PolicyLab } from '../support/policy-lab.ts';
import type { RawDocument, RawPolicy, RawRule } from '../support/policy-oracle.ts';
import { until } from '../support/weir-client.ts';

/**
 * Between an old and a new policy no packet sees half of it. Two states swap under a flood, each of which denies the flood by itself, while
 * a mixture of them would let it pass.
 */

let net: PolicyLab;
const guests = new Map<string, Guest>();
const vms = { sender: 'hv1', near: 'hv1', far: 'hv2' } as const;
const swaps = 60;
const port = 5001;

const policy = (tenant: string | undefined, name: string, spec: RawPolicy): RawDocument => ({
  kind: 'Policy',
  metadata: { name, ...(tenant === undefined ? {} : { tenant }) },
  spec,
});
const group = (name: string, matchLabels: Record<string, string>): RawDocument => ({
  kind: 'Group',
  metadata: { name, tenant: 'acme' },
  spec: { selector: { matchLabels } },
});
const vm = (name: string, labels: Record<string, string>): RawDocument => ({
  kind: 'Vm',
  metadata: { name, tenant: 'acme', labels: { name, ...labels } },
  spec: { interfaces: [{ name: 'eth0', network: 'net' }] },
});

beforeAll(async () => {
  net = await PolicyLab.start();
  await net.apply(
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'zero-trust' } },
    { kind: 'Network', metadata: { name: 'net', tenant: 'acme' }, spec: { subnets: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }] } },
    group('senders', { name: 'sender' }),
    group('others', { name: 'nobody' }),
    group('red', { colour: 'red' }),
    group('blue', { colour: 'blue' }),
    ...Object.keys(vms).map((name) => vm(name, {})),
  );
  for (const [name, host] of Object.entries(vms)) guests.set(name, await net.run('acme', name, host));
  for (const name of ['near', 'far']) await net.acquaint(guest('sender'), 'acme', name);
});
afterAll(() => net.stop());

function guest(name: string): Guest {
  const found = guests.get(name);
  if (!found) throw new Error(`${name} is not plugged`);
  return found;
}

/** Applies one state after the other, again and again, under a flood to both receivers; answers what arrived. */
async function flooded(
  states: readonly (readonly RawDocument[])[],
  times = swaps,
): Promise<{ readonly sent: boolean; readonly arrived: readonly number[] }> {
  const mark = `swap-${Math.floor(performance.now())}`;
  const receivers = ['near', 'far'];
  await net.apply(...(states[0] ?? []));
  await net.settle();
  const watches = await Promise.all(receivers.map((name) => net.watch(guest(name), mark)));
  const floods: Flood[] = [];
  for (const name of receivers) {
    for (const family of [4, 6] as const)
      floods.push(await Flood.start(net.lab, guest('sender'), await net.address('acme', name, family), port, mark));
  }
  for (let swap = 1; swap <= times; swap++) await net.apply(...(states[swap % states.length] ?? []));
  const sent = await Promise.all(floods.map((flood) => flood.stop()));
  const arrived = await Promise.all(watches.map((watch) => watch()));
  return { sent: sent.every((count) => count > times), arrived };
}

const quiet = { sent: true, arrived: [0, 0] };
const ingress = (name: string, ...rules: readonly RawRule[]): RawDocument => policy('acme', name, { ingress: rules });
const out = policy('acme', 'out', { egress: [{ action: 'allow' }] });
const bare = ingress('in', { action: 'deny' });

test.each(['near', 'far'])('the flood arrives where it is allowed: %s', async (name) => {
  await net.apply(out, ingress('in', { action: 'allow' }));
  for (const family of [4, 6] as const) {
    const mark = `arrives-${family}`;
    const capture = await captureFrames(net.lab, guest(name));
    const flood = await Flood.start(net.lab, guest('sender'), await net.address('acme', name, family), port, mark);
    await until(() => capture.frames().some((frame) => frame.includes(mark)));
    await flood.stop();
    await capture.stop();
  }
  await net.apply(bare);
});

test('rules in another order', async () => {
  const first = ingress('in', { action: 'deny', from: [{ group: 'senders' }] }, { action: 'allow' });
  const second = ingress('in', { action: 'allow', from: [{ group: 'others' }] }, { action: 'deny' });
  expect(
    await flooded([
      [out, first],
      [out, second],
    ]),
  ).toEqual(quiet);
});

test('the platform’s and the tenant’s policy in one transaction', async () => {
  const platform = (action: RawRule['action']): RawDocument => policy(undefined, 'guard', { ingress: [{ action }] });
  const first = [platform('deny'), ingress('in', { action: 'allow' })];
  const second = [platform('pass'), ingress('in', { action: 'deny' })];
  expect(
    await flooded([
      [out, ...first],
      [out, ...second],
    ]),
  ).toEqual(quiet);
  await net.apply(bare, platform('pass'));
});

test('both sides change places: what leaves is denied and what enters allowed, and the other way round', async () => {
  const both = (egress: RawRule['action'], ingress: RawRule['action']): RawDocument =>
    policy('acme', 'in', {
      egress: [{ action: egress, to: [{ group: 'all' }] }],
      ingress: [{ action: ingress, from: [{ group: 'senders' }] }],
    });
  await net.apply(group('all', {}), policy('acme', 'out', { egress: [] }));
  expect(await flooded([[both('allow', 'deny')], [both('deny', 'allow')]])).toEqual(quiet);
});

test('the sides change places in two policies, with labels and postures', async () => {
  const first = [
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'open' } },
    ingress('in', { action: 'deny', from: [{ group: 'red' }] }),
    policy('acme', 'out', { egress: [{ action: 'allow', to: [{ group: 'all' }] }] }),
    vm('sender', { colour: 'red' }),
  ];
  const second = [
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'zero-trust' } },
    ingress('in', { action: 'allow', from: [{ group: 'blue' }] }),
    policy('acme', 'out', { egress: [{ action: 'reject', to: [{ group: 'all' }] }] }),
    vm('sender', { colour: 'blue' }),
  ];
  expect(await flooded([first, second])).toEqual(quiet);
  await net.apply(
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: { posture: 'zero-trust' } },
    bare,
    policy('acme', 'out', { egress: [] }),
  );
});

test('what both allow goes on while the sides change places', async () => {
  const [connectionPort, streamPort] = [5003, 5002];
  const tcp = { services: [{ protocol: 'tcp', port: connectionPort }] };
  const stream = { action: 'allow', services: [{ protocol: 'udp', port: streamPort }] } as const;
  const flooded = { services: [{ protocol: 'udp', port }] };
  const [toAll, senders, red] = [{ to: [{ group: 'all' }] }, { from: [{ group: 'senders' }] }, { from: [{ group: 'red' }] }];
  // In one way and in the other; behind the rules that allow is always one that would end a connection.
  const first = policy('acme', 'in', {
    egress: [{ action: 'allow', ...toAll, ...tcp }, { action: 'allow', ...flooded }, stream, { action: 'reject' }],
    ingress: [{ action: 'allow', ...senders, ...tcp }, { action: 'deny', ...flooded }, stream, { action: 'reject' }],
  });
  const second = policy('acme', 'in', {
    egress: [{ action: 'allow', ...tcp }, { action: 'deny', ...flooded }, stream, { action: 'reject' }],
    ingress: [{ action: 'allow', ...red, ...tcp }, { action: 'allow', ...flooded }, stream, { action: 'reject' }],
  });
  await net.apply(group('all', {}), vm('sender', { colour: 'red' }), policy('acme', 'out', { egress: [] }), first);
  const to = { address: await net.address('acme', 'far'), port: connectionPort };
  const listener = await listenTcp(net.lab, guest('far'), connectionPort);
  const sink = await listenUdp(net.lab, guest('far'), streamPort, 'count');
  const connection = await openTcp(net.lab, guest('sender'), to);
  const droppedBefore = await bufferDrops(net.lab);
  const source = await streamUdp(net.lab, guest('sender'), { ...to, port: streamPort }, { intervalMs: 2 });
  const outcomes = new Set<string>();
  for (let swap = 1; swap <= 20; swap++) {
    const swapping = { isOver: false };
    const applied = net.apply(swap % 2 === 1 ? second : first).finally(() => (swapping.isOver = true));
    while (!swapping.isOver) outcomes.add((await connection.exchange(30_000)).outcome);
    await applied;
  }
  const { sent } = await source.stop();
  const missing = async (): Promise<number> => sent - (await sink.count()).received - (await bufferDrops(net.lab)) + droppedBefore;
  await expect.poll(missing).toBeLessThanOrEqual(0);
  await sink.stop();
  await connection.close();
  await listener.stop();
  expect([...outcomes]).toEqual(['echoed']);
  expect(sent).toBeGreaterThan(500);
  await net.apply(bare);
});

test('a policy of several hundred flows', async () => {
  const services = Array.from({ length: 60 }, (_, index) => ({ protocol: 'udp', port: 4000 + 2 * index }));
  const blocks = Array.from({ length: 60 }, (_, index) => ({ cidr: `10.0.0.${index * 4}/30` }));
  const many = (action: RawRule['action']): readonly RawRule[] => [
    { action, from: [...blocks, { cidr: 'fd00::/64' }], services: [...services, { protocol: 'udp', port }] },
    { action: action === 'deny' ? 'allow' : 'deny', from: blocks, services },
    { action, from: [...blocks, { group: 'others' }], services: [{ protocol: 'sctp' }, ...services] },
  ];
  const first = ingress('in', ...many('deny'), { action: 'allow' });
  const second = ingress('in', ...many('deny').map((rule) => ({ ...rule, services: services.slice(30) })), { action: 'deny' });
  expect(
    await flooded(
      [
        [out, first],
        [out, second],
      ],
      30,
    ),
  ).toEqual(quiet);
});

test('a policy of more flows than go in one bundle', async () => {
  const filler = (from: number, action: RawRule['action']): readonly RawRule[] =>
    Array.from({ length: 480 }, (_, index) => ({ action, services: [{ protocol: 'tcp', port: from + index }] }));
  const first = ingress('in', { action: 'deny', from: [{ group: 'senders' }] }, ...filler(10_000, 'deny'), { action: 'allow' });
  const second = ingress('in', { action: 'allow', from: [{ group: 'others' }] }, ...filler(20_000, 'allow'), { action: 'deny' });
  const third = ingress(
    'in',
    ...filler(10_000, 'deny'),
    { action: 'deny', from: [{ group: 'senders' }] },
    ...filler(30_000, 'allow').slice(100),
  );
  expect(
    await flooded(
      [
        [out, first],
        [out, second],
        [out, third],
      ],
      12,
    ),
  ).toEqual(quiet);
});

test('labels and rules that change together', async () => {
  // The sender is red while red is denied, and blue while blue is.
  const rules = (denied: string): RawDocument => ingress('in', { action: 'deny', from: [{ group: denied }] }, { action: 'allow' });
  const first = [vm('sender', { colour: 'red' }), rules('red')];
  const second = [vm('sender', { colour: 'blue' }), rules('blue')];
  expect(
    await flooded([
      [out, ...first],
      [out, ...second],
    ]),
  ).toEqual(quiet);
});

test('a group that takes the place of another', async () => {
  // Only one of the two is named at a time: what numbers the first may number the second next.
  const first = [vm('sender', { colour: 'red' }), ingress('in', { action: 'deny', from: [{ group: 'red' }] })];
  const second = [vm('sender', { colour: 'red' }), ingress('in', { action: 'allow', from: [{ group: 'blue' }] })];
  expect(
    await flooded([
      [out, ...first],
      [out, ...second],
    ]),
  ).toEqual(quiet);
});

test('more groups than have bits, and few again', async () => {
  const many = Array.from({ length: 140 }, (_, index) => `many-${index}`);
  await net.apply(...many.map((name) => group(name, { many: name })), vm('sender', { colour: 'red', many: 'many-7' }));
  const named = many.filter((name) => name !== 'many-7').map((name) => ({ group: name }));
  const first = ingress('in', { action: 'deny', from: [{ group: 'senders' }] }, { action: 'allow' });
  const second = ingress('in', { action: 'allow', from: named }, { action: 'deny', from: [{ group: 'many-7' }] }, { action: 'deny' });
  expect(
    await flooded(
      [
        [out, first],
        [out, second],
      ],
      5,
    ),
  ).toEqual(quiet);
});
