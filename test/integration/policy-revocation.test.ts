import { afterAll, beforeAll, test } from 'vitest';
import { streamReplies } from '../../src/lab/index.ts';
import type { Guest, ReplyStream } from '../../src/lab/index.ts';
import { PolicyLab } from '../support/policy-lab.ts';
import { until } from '../support/weir-client.ts';
import type { RawDocument, RawPolicy } from '../support/policy-oracle.ts';

/** Whatever change comes to deny a connection cuts it, also where only its replies flow, and what allows it again lets it go on. */

let net: PolicyLab;
const guests = new Map<string, Guest>();
const streams: ReplyStream[] = [];
const port = 5100;

const document = (kind: string, name: string, spec: unknown, labels?: Record<string, string>): RawDocument => ({
  kind,
  metadata: { name, tenant: 'acme', ...(labels === undefined ? {} : { labels }) },
  spec,
});
const platform = (action: 'pass' | 'reject'): RawDocument => ({
  kind: 'Policy',
  metadata: { name: 'guard' },
  spec: { ingress: [{ action, services: [{ protocol: 'udp' }] }] },
});
const policy = (name: string, spec: RawPolicy): RawDocument => document('Policy', name, spec);
const vm = (name: string, labels: Record<string, string>): RawDocument =>
  document('Vm', name, { interfaces: [{ name: 'eth0', network: 'net' }] }, labels);
const callers = (role: string): RawDocument => document('Group', 'callers', { selector: { matchLabels: { role } } });
/** A port for each family: a socket of the lab listens on both. */
const service = (first: number): RawDocument =>
  document('Service', 'streams', { ports: [{ protocol: 'udp', port: first, endPort: first + 1 }] });

const out = policy('out', { egress: [{ action: 'allow' }] });
const into = policy('in', { ingress: [{ action: 'allow', from: [{ group: 'callers' }], services: ['streams'] }] });
const standing = [callers('caller'), service(port), out, into, vm('caller', { role: 'caller' }), platform('pass')];

/** What cuts; all else stays as it stands. */
const cuts: Readonly<Record<string, RawDocument>> = {
  'a rule of the receivers that denies': policy('in', { ingress: [{ action: 'deny' }] }),
  'a policy that has no rules any more': policy('in', {}),
  'a rule of the sender that denies': policy('out', { egress: [{ action: 'deny' }] }),
  'a rule that rejects': policy('out', { egress: [{ action: 'reject' }] }),
  'a policy of the platform': platform('reject'),
  'a service that means other ports': service(port + 2),
  'a group that means others': callers('nobody'),
  'a label that is taken away': vm('caller', {}),
};

beforeAll(async () => {
  net = await PolicyLab.start();
  await net.apply(
    { kind: 'Tenant', metadata: { name: 'acme' }, spec: {} },
    document('Network', 'net', { subnets: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }] }),
    ...standing,
    vm('near', {}),
    vm('far', {}),
  );
  for (const [name, host] of [
    ['caller', 'hv1'],
    ['near', 'hv1'],
    ['far', 'hv2'],
  ] as const)
    guests.set(name, await net.run('acme', name, host));
  for (const name of ['near', 'far']) {
    for (const [index, family] of ([4, 6] as const).entries()) {
      const to = { address: await net.address('acme', name, family), port: port + index };
      streams.push(await streamReplies(net.lab, guest(name), guest('caller'), to));
    }
  }
});
afterAll(async () => {
  for (const stream of streams) await stream.stop();
  await net.stop();
});

function guest(name: string): Guest {
  const found = guests.get(name);
  if (!found) throw new Error(`${name} is not plugged`);
  return found;
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const counts = async (): Promise<readonly number[]> => Promise.all(streams.map(async (stream) => (await stream.count()).received));

/** All streams go on. */
async function expectFlowing(): Promise<void> {
  const before = await counts();
  await until(async () => (await counts()).every((count, index) => count > (before[index] ?? 0)));
}

async function expectCut(): Promise<void> {
  await net.settle();
  // What had passed before arrives when the guests get their turn.
  await until(async () => {
    const before = await counts();
    await delay(200);
    return (await counts()).every((count, index) => count === before[index]);
  });
}

test.each(Object.entries(cuts))('%s', async (_, cut) => {
  await net.apply(...standing);
  await expectFlowing();
  await net.apply(cut);
  await expectCut();
  await net.apply(...standing);
  await expectFlowing();
});
