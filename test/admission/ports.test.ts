import { describe, expect, test } from 'vitest';
import { seededRandom } from '../support/seeded-random.ts';
import { violations } from './invariants.ts';
import { document, openHarness, refused } from './harness.ts';
import type { Harness } from './harness.ts';

const bitsOf = (harness: Harness, tenant = 'acme'): unknown => harness.admission.snapshot().tenantNumbers(tenant)?.groups;
const byName = (portName = 'http', protocol = 'tcp'): object => ({ ingress: [{ action: 'deny', services: [{ protocol, portName }] }] });
const tcp = (port: number): object => ({ protocol: 'tcp', port });

/** `other` is in a network that acme shares with it, and in one of its own. */
async function openShared(): Promise<Harness> {
  const harness = await openHarness();
  await harness.apply(
    document('Tenant', undefined, 'acme'),
    document('Tenant', undefined, 'other'),
    document('Network', 'acme', 'blue', { subnets: [{ cidr: '10.0.0.0/24' }] }),
    document('Network', 'acme', 'shared', { subnets: [{ cidr: '10.1.0.0/24' }], sharedWith: ['other'] }),
    document('Network', 'other', 'lone', { subnets: [{ cidr: '10.2.0.0/24' }] }),
  );
  return harness;
}

const vm = (network: string, ports: object = {}): object => ({ interfaces: [{ name: 'eth0', network, ports }] });

describe('a port that rules mean by name', () => {
  test('has a bit for each number that an interface in reach declares, while a rule names it', async () => {
    const harness = await openShared();
    await harness.put('Vm', 'acme', 'a', vm('blue', { http: tcp(80), ssh: tcp(22) }));
    expect(bitsOf(harness)).toEqual({});
    await harness.put('Policy', 'acme', 'p', byName());
    expect(bitsOf(harness)).toEqual({ 'port:http:tcp:80': 0 });
    await harness.put('Vm', 'acme', 'b', vm('blue', { http: tcp(8080) }));
    await harness.put('Vm', 'other', 'far', vm('lone', { http: tcp(81) }));
    expect(bitsOf(harness)).toEqual({ 'port:http:tcp:80': 0, 'port:http:tcp:8080': 1 });
    await harness.put('Vm', 'acme', 'b', vm('blue', { http: { protocol: 'udp', port: 8080 } }));
    expect(bitsOf(harness)).toEqual({ 'port:http:tcp:80': 0, 'port:http:udp:8080': 2 });
    await harness.remove('Vm', 'acme', 'b');
    await harness.remove('Policy', 'acme', 'p');
    expect(bitsOf(harness)).toEqual({});
  });

  test('is found through services, of which the tenant’s own goes before the platform’s', async () => {
    const harness = await openShared();
    await harness.put('Vm', 'acme', 'a', vm('blue', { http: tcp(80), sql: tcp(5432) }));
    await harness.put('Policy', 'acme', 'p', { egress: [{ action: 'allow', services: ['https'] }] });
    await harness.put('Service', undefined, 'https', { ports: [{ protocol: 'tcp', portName: 'sql' }] });
    expect(bitsOf(harness)).toEqual({ 'port:sql:tcp:5432': 0 });
    await harness.put('Service', 'acme', 'https', { ports: [{ protocol: 'tcp', portName: 'http' }] });
    expect(bitsOf(harness)).toEqual({ 'port:http:tcp:80': 1 });
    await harness.put('Service', 'acme', 'https', { ports: [tcp(443)] });
    expect(bitsOf(harness)).toEqual({});
    await harness.put('Policy', undefined, 'all', { ingress: [{ action: 'allow', services: ['https'] }] });
    expect([bitsOf(harness), bitsOf(harness, 'other')]).toEqual([{ 'port:sql:tcp:5432': 2 }, {}]);
  });

  test('is seen across a router, and no longer when the router lets a network go', async () => {
    const harness = await openShared();
    await harness.put('Policy', 'other', 'p', byName());
    await harness.put('Vm', 'other', 'o', vm('lone'));
    await harness.put('Vm', 'acme', 'a', vm('blue', { http: tcp(80) }));
    const networks = [
      { tenant: 'acme', network: 'blue' },
      { tenant: 'other', network: 'lone' },
    ];
    await harness.put('Router', undefined, 'r', { networks });
    expect(bitsOf(harness, 'other')).toEqual({ 'port:http:tcp:80': 0 });
    await harness.remove('Vm', 'other', 'o');
    expect(bitsOf(harness, 'other')).toEqual({});
    await harness.put('Vm', 'other', 'o', vm('lone'));
    expect(bitsOf(harness, 'other')).toEqual({ 'port:http:tcp:80': 1 });
    await harness.put('Router', undefined, 'r', { networks: networks.slice(0, 1) });
    expect(bitsOf(harness, 'other')).toEqual({});
  });

  test('is given nothing again by an interface that declares what another one does', async () => {
    const harness = await openShared();
    await harness.put('Policy', 'acme', 'p', byName());
    await harness.put('Vm', 'acme', 'a', vm('blue', { http: tcp(80) }));
    const numbers: unknown[] = [];
    harness.admission.onCommitted((committed) => numbers.push(...committed.numbers));
    await harness.put('Vm', 'acme', 'b', vm('blue', { http: tcp(80) }));
    await harness.remove('Vm', 'acme', 'a');
    expect(numbers).toEqual([]);
    expect(bitsOf(harness)).toEqual({ 'port:http:tcp:80': 0 });
  });
});

describe('bits', () => {
  const groups = Array.from({ length: 128 }, (_, index) => `g${index}`);
  const naming = (...names: readonly string[]): object => ({ egress: [{ action: 'allow', to: names.map((group) => ({ group })) }] });

  async function openFull(): Promise<Harness> {
    const harness = await openShared();
    await harness.apply(...[...groups, 'more'].map((name) => document('Group', 'acme', name, { selector: {} })));
    await harness.put('Policy', 'acme', 'full', naming(...groups));
    await harness.put('Vm', 'acme', 'a', vm('blue', { sql: tcp(1) }));
    return harness;
  }

  const viewOf = (harness: Harness): number => harness.admission.snapshot().tenantNumbers('acme')?.view ?? 0;
  const numbersOf = (harness: Harness): readonly number[] =>
    Object.values(harness.admission.snapshot().tenantNumbers('acme')?.groups ?? {});

  test('are 128; from the next one on groups are told apart by sets, until there are 96 again', async () => {
    const harness = await openFull();
    expect(viewOf(harness)).toBe(0);
    await harness.put('Policy', 'acme', 'p', naming('more'));
    expect(viewOf(harness)).toBe(1);
    expect(bitsOf(harness)).toMatchObject({ g0: 0, g127: 127, more: 128 });
    await harness.put('Policy', 'acme', 'full', naming(...groups.slice(0, 96)));
    expect([viewOf(harness), numbersOf(harness).length]).toEqual([1, 97]);
    // Of 96 every one has a bit again.
    await harness.put('Policy', 'acme', 'full', naming(...groups.slice(1, 96)));
    expect([viewOf(harness), numbersOf(harness).length, Math.max(...numbersOf(harness))]).toEqual([2, 96, 95]);
    await harness.put('Policy', 'acme', 'full', naming(...groups));
    expect([viewOf(harness), numbersOf(harness).length]).toEqual([3, 129]);
    expect(violations(harness.admission.snapshot())).toEqual([]);
  });

  /** As many as can be told apart at all, by as few policies as can name them. */
  async function openFullest(): Promise<Harness> {
    const harness = await openShared();
    const names = Array.from({ length: 4_096 }, (_, index) => `g${index}`);
    for (let first = 0; first < names.length; first += 256) {
      const part = names.slice(first, first + 256);
      await harness.apply(...part.map((name) => document('Group', 'acme', name, { selector: {} })));
      await harness.put('Policy', 'acme', `full${first}`, naming(...part));
    }
    await harness.put('Vm', 'acme', 'a', vm('blue', { sql: tcp(1) }));
    return harness;
  }

  test('are 4,096 with the named ports, by sets: whoever asks for one more is told where', async () => {
    const harness = await openFullest();
    const byPolicy = await refused(harness, () => harness.put('Policy', 'acme', 'p', byName('sql')));
    expect([byPolicy.code, byPolicy.errors[0]?.pointer]).toEqual(['flow-budget', '/spec']);
    expect(byPolicy.message).toContain('one number more for the port name sql (tcp 1): the rules for tenant acme tell 4096 groups');
    await harness.put('Policy', 'acme', 'p', byName());
    const second = { name: 'eth1', network: 'blue', ports: { http: tcp(80) } };
    const first = { name: 'eth0', network: 'blue' };
    const byVm = await refused(harness, () =>
      harness.apply(document('Network', 'acme', 'red'), document('Vm', 'acme', 'b', { interfaces: [first, second] })),
    );
    expect([byVm.code, byVm.errors[0]?.pointer]).toEqual(['flow-budget', '/1/spec/interfaces/1/ports/http']);
    await harness.put('Vm', 'acme', 'c', vm('shared'));
    const byForeigner = await refused(harness, () => harness.put('Vm', 'other', 'o', vm('acme/shared', { http: tcp(80) })));
    expect(byForeigner.message).not.toContain('tenant acme');
  });

  test('that one document of a request frees another can have, in whatever order they stand', async () => {
    const harness = await openFull();
    const swap = [
      document('Policy', 'acme', 'p', naming('more')),
      document('Policy', 'acme', 'full', naming(...groups.slice(1))),
      document('Vm', 'acme', 'a', vm('blue')),
    ];
    await harness.apply(...swap);
    expect(bitsOf(harness)).toMatchObject({ more: 0, g1: 1 });
  });

  test('are for groups of interfaces: one of CIDRs needs none, until it becomes another kind', async () => {
    const harness = await openShared();
    await harness.put('Group', 'acme', 'nets', { cidrs: ['10.0.0.0/8'] });
    await harness.put('Policy', 'acme', 'p', naming('nets'));
    expect(bitsOf(harness)).toEqual({});
    await harness.put('Group', 'acme', 'nets', { selector: {} });
    expect(bitsOf(harness)).toEqual({ nets: 0 });
    await harness.put('Group', 'acme', 'nets', { cidrs: ['10.0.0.0/8'] });
    expect(bitsOf(harness)).toEqual({});
  });
});

describe('of two proposers at the same time, none misses what the other does:', () => {
  const joined = { networks: ['acme/blue', 'other/lone'].map((text) => ({ tenant: text.split('/')[0], network: text.split('/')[1] })) };
  const steps: Readonly<Record<string, (harness: Harness) => Promise<unknown>>> = {
    'a rule names the port': (h) => h.put('Policy', 'other', 'p', byName()),
    'a platform rule names it': (h) => h.put('Policy', undefined, 'p', byName()),
    'its service names it': (h) => h.put('Service', 'other', 'https', { ports: [{ protocol: 'tcp', portName: 'http' }] }),
    'the platform’s service names it': (h) => h.put('Service', undefined, 'https', { ports: [{ protocol: 'tcp', portName: 'http' }] }),
    'a rule names the service': (h) => h.put('Policy', 'other', 'q', { ingress: [{ action: 'deny', services: ['https'] }] }),
    'an interface declares it in the shared network': (h) => h.put('Vm', 'acme', 'a', vm('shared', { http: tcp(80) })),
    'an interface declares it across the router': (h) => h.put('Vm', 'acme', 'b', vm('blue', { http: tcp(81) })),
    'an interface that declares it goes': (h) => h.remove('Vm', 'acme', 'gone'),
    'another one comes to declare the same': (h) => h.put('Vm', 'acme', 'came', vm('shared', { http: tcp(82) })),
    'the tenant comes to the shared network': (h) => h.put('Vm', 'other', 'o', vm('acme/shared')),
    'the tenant comes to the routed network': (h) => h.put('Vm', 'other', 'l', vm('lone')),
    'the router joins them': (h) => h.put('Router', undefined, 'r', joined),
    'the router goes': (h) => h.remove('Router', undefined, 's'),
  };
  const names = Object.keys(steps);
  const givens: readonly (readonly string[])[] = [
    [],
    ...names.map((name) => [name]),
    ...['a rule names the port', 'a platform rule names it'].flatMap((rule) => [
      [rule, 'the router joins them'],
      [rule, 'the tenant comes to the routed network'],
      [rule, 'the tenant comes to the shared network'],
    ]),
    names,
  ];

  test.each(names.flatMap((first, index) => names.slice(index + 1).map((second) => [first, second] as const)))(
    '%s, %s',
    async (first, second) => {
      for (const given of givens) {
        const one = await openShared();
        await one.put('Vm', 'acme', 'gone', vm('shared', { http: tcp(82) }));
        await one.put('Router', undefined, 'r', { networks: joined.networks.slice(0, 1) });
        await one.put('Router', undefined, 's', { networks: [{ tenant: 'acme', network: 'shared' }] });
        for (const name of given) if (name !== first && name !== second) await steps[name]?.(one).catch(() => undefined);
        const two = await openHarness(one.store, seededRandom(2));
        one.store.flushes = false;
        const take = async (name: string, harness: Harness): Promise<unknown> => steps[name]?.(harness);
        const settled = Promise.allSettled([take(first, one), take(second, two)]);
        const turn = (): Promise<'turn'> => new Promise((resolve) => setImmediate(() => resolve('turn')));
        // A slice that is over gives way to the loop: nobody knows how many turns it takes.
        while ((await Promise.race([settled, turn()])) === 'turn') one.store.flush();
        expect([given, violations(one.admission.snapshot())]).toEqual([given, []]);
      }
    },
  );
});
