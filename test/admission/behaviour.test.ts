import { describe, expect, test } from 'vitest';
import { present } from '../../src/admission/index.ts';
import { document, oneInterface, openFurnished, openHarness } from './harness.ts';

describe('what the server fills', () => {
  test('stays when it is left out, and is released by null', async () => {
    const harness = await openFurnished();
    await harness.put('Vm', 'acme', 'a', oneInterface());
    const [first] = harness.spec('Vm', 'acme', 'a').interfaces;
    const again = await harness.put('Vm', 'acme', 'a', oneInterface());
    expect(again.results[0]?.action).toBe('unchanged');
    await harness.put('Vm', 'acme', 'a', oneInterface('blue', { mac: null, addresses: null }));
    const [second] = harness.spec('Vm', 'acme', 'a').interfaces;
    expect(second?.mac).not.toBe(first?.mac);
    expect(second?.addresses).toEqual(['10.0.0.3', 'fd00::3']);
    await harness.put('Network', 'acme', 'red', { vni: 4000, subnets: [{ cidr: '10.7.0.0/24', gateway: '10.7.0.9' }] });
    await harness.put('Network', 'acme', 'red', { subnets: [{ cidr: '10.7.0.0/24' }] });
    expect(harness.spec('Network', 'acme', 'red')).toMatchObject({ vni: 4000, subnets: [{ gateway: '10.7.0.9' }] });
    await harness.put('Network', 'acme', 'red', { vni: null, subnets: [{ cidr: '10.7.0.0/24', gateway: null }] });
    expect(harness.spec('Network', 'acme', 'red')).toMatchObject({ vni: 1001, subnets: [{ gateway: '10.7.0.1' }] });
  });

  test('a MAC goes along to another network, where it is free; addresses cannot', async () => {
    const harness = await openFurnished();
    await harness.put('Network', 'acme', 'red', { subnets: [{ cidr: '10.7.0.0/24' }] });
    await harness.put('Vm', 'acme', 'a', oneInterface());
    const macOf = (name: string): string | undefined => harness.spec('Vm', 'acme', name).interfaces[0]?.mac;
    const mac = macOf('a');
    await harness.put('Vm', 'acme', 'a', oneInterface('red'));
    expect(harness.spec('Vm', 'acme', 'a').interfaces).toMatchObject([{ mac, addresses: ['10.7.0.2'] }]);
    await harness.put('Vm', 'acme', 'b', oneInterface('blue', { mac }));
    await harness.put('Vm', 'acme', 'a', oneInterface());
    expect([macOf('a') === mac, macOf('b')]).toEqual([false, mac]);
    await harness.put('Vm', 'acme', 'b', {
      interfaces: [
        { name: 'eth0', network: 'red' },
        { name: 'eth1', network: 'red', mac },
      ],
    });
    expect(macOf('b')).not.toBe(mac);
  });

  test('addresses are one for each subnet, never the gateway, and released ones come last', async () => {
    const harness = await openFurnished();
    await harness.put('Network', 'acme', 'tiny', { subnets: [{ cidr: '10.5.0.0/29', gateway: '10.5.0.3' }] });
    const addressOf = async (name: string): Promise<string | undefined> => {
      await harness.put('Vm', 'acme', name, oneInterface('tiny'));
      return harness.spec('Vm', 'acme', name).interfaces[0]?.addresses[0];
    };
    expect([await addressOf('a'), await addressOf('b'), await addressOf('c')]).toEqual(['10.5.0.1', '10.5.0.2', '10.5.0.4']);
    await harness.remove('Vm', 'acme', 'a');
    expect([await addressOf('d'), await addressOf('e'), await addressOf('f')]).toEqual(['10.5.0.5', '10.5.0.6', '10.5.0.1']);
  });

  test('VNIs that were never used come before those released, the oldest first', async () => {
    const harness = await openFurnished();
    const vniOf = (name: string): number => harness.spec('Network', 'acme', name).vni;
    for (const name of ['a', 'b', 'c']) await harness.put('Network', 'acme', name);
    expect([vniOf('a'), vniOf('b'), vniOf('c')]).toEqual([1001, 1002, 1003]);
    await harness.remove('Network', 'acme', 'b');
    await harness.remove('Network', 'acme', 'a');
    const later = await openHarness(harness.store);
    await later.put('Network', 'acme', 'd');
    expect(later.spec('Network', 'acme', 'd').vni).toBe(1004);
    await later.put('Network', 'acme', 'e', { vni: 1002 });
    expect(later.spec('Network', 'acme', 'e').vni).toBe(1002);
  });
});

describe('an apply', () => {
  test('is one revision, in whatever order its documents stand', async () => {
    const harness = await openHarness();
    const documents = [
      document('Policy', 'acme', 'p', {
        appliesTo: ['web'],
        ingress: [{ action: 'allow', from: [{ group: 'platform/ops' }], services: ['app', 'ssh'] }],
      }),
      document('Vm', 'acme', 'a', { power: 'running', host: 'h1', interfaces: [{ name: 'eth0', network: 'blue' }] }),
      document('Router', 'acme', 'r', { networks: ['blue', 'other/shared'] }),
      document('Group', 'acme', 'web', { selector: { matchLabels: { app: 'web' } } }),
      document('Group', undefined, 'ops', { cidrs: ['192.168.0.0/16'], tenants: ['acme'] }),
      document('Service', 'acme', 'app', { ports: [{ protocol: 'tcp', port: 8080 }] }),
      document('Network', 'other', 'shared', { subnets: [{ cidr: '10.1.0.0/24' }], sharedWith: ['acme'] }),
      document('Network', 'acme', 'blue', { subnets: [{ cidr: '10.0.0.0/24' }] }),
      document('Host', undefined, 'h1', { encapIp: '192.0.2.1' }),
      document('Tenant', undefined, 'other'),
      document('Tenant', undefined, 'acme'),
    ];
    const { revision, results } = await harness.apply(...documents);
    expect(revision).toBe(1);
    expect(results.map((result) => `${result.action} ${result.kind}`).slice(0, 3)).toEqual([
      'created Policy',
      'created Vm',
      'created Router',
    ]);
    const router = harness.admission.snapshot().get('Router', 'acme', 'r');
    expect(router && present(router).spec).toEqual({ networks: ['blue', 'other/shared'] });
    const again = await harness.apply(...documents.toReversed());
    expect([again.revision, new Set(again.results.map((result) => result.action))]).toEqual([1, new Set(['unchanged'])]);
  });

  test('swaps what two documents hold', async () => {
    const harness = await openFurnished();
    await harness.put('Vm', 'acme', 'a', oneInterface('blue', { mac: '02:00:00:00:00:0a', addresses: ['10.0.0.10'] }));
    await harness.put('Vm', 'acme', 'b', oneInterface('blue', { mac: '02:00:00:00:00:0b', addresses: ['10.0.0.11'] }));
    await harness.apply(
      document('Vm', 'acme', 'a', oneInterface('blue', { mac: '02:00:00:00:00:0b', addresses: ['10.0.0.11'] })),
      document('Vm', 'acme', 'b', oneInterface('blue', { mac: '02:00:00:00:00:0a', addresses: ['10.0.0.10'] })),
    );
    expect(harness.spec('Vm', 'acme', 'b').interfaces[0]?.addresses).toEqual(['10.0.0.10']);
    await harness.apply(document('Network', 'acme', 'x', { vni: 7 }), document('Network', 'acme', 'y', { vni: 8 }));
    await harness.apply(document('Network', 'acme', 'x', { vni: 8 }), document('Network', 'acme', 'y', { vni: 7 }));
    expect(harness.spec('Network', 'acme', 'x').vni).toBe(8);
  });

  test('gives nothing to one document that another asks for', async () => {
    const harness = await openFurnished();
    await harness.apply(
      document('Vm', 'acme', 'a', oneInterface()),
      document('Vm', 'acme', 'b', oneInterface('blue', { addresses: ['10.0.0.2'] })),
    );
    expect(harness.spec('Vm', 'acme', 'a').interfaces[0]?.addresses[0]).toBe('10.0.0.3');
    await harness.apply(document('Network', 'acme', 'x'), document('Network', 'acme', 'y', { vni: 1001 }));
    expect(harness.spec('Network', 'acme', 'x').vni).toBe(1002);
  });
});

describe('a VM', () => {
  test('starts, repeats, stops; MAC and addresses stay, the zones go', async () => {
    const harness = await openFurnished();
    await harness.put('Vm', 'acme', 'a', oneInterface());
    const [before] = harness.spec('Vm', 'acme', 'a').interfaces;
    expect((await harness.start('acme', 'a', 'h1')).results[0]?.action).toBe('updated');
    expect((await harness.start('acme', 'a', 'h1')).results[0]?.action).toBe('unchanged');
    expect(harness.admission.snapshot().vmNumbers('acme', 'a')).toEqual({ zones: { h1: { eth0: 1 } } });
    await harness.stop('acme', 'a');
    expect(harness.spec('Vm', 'acme', 'a')).toEqual({ hypervisor: 'kvm', power: 'stopped', interfaces: [before] });
    expect(harness.admission.snapshot().vmNumbers('acme', 'a')).toBeUndefined();
    expect((await harness.stop('acme', 'a')).results[0]?.action).toBe('unchanged');
    await harness.start('acme', 'a', 'h1');
    expect(harness.admission.snapshot().vmNumbers('acme', 'a')).toEqual({ zones: { h1: { eth0: 2 } } });
  });

  test('keeps power and host through a put that says nothing of them, and takes interfaces while it runs', async () => {
    const harness = await openFurnished();
    await harness.put('Vm', 'acme', 'a', oneInterface());
    await harness.start('acme', 'a', 'h1');
    await harness.put('Vm', 'acme', 'a', {
      interfaces: [
        { name: 'eth0', network: 'blue' },
        { name: 'eth1', network: 'blue' },
      ],
    });
    expect(harness.spec('Vm', 'acme', 'a')).toMatchObject({ power: 'running', host: 'h1' });
    expect(harness.admission.snapshot().vmNumbers('acme', 'a')).toEqual({ zones: { h1: { eth0: 1, eth1: 2 } } });
    await harness.put('Vm', 'acme', 'a', { interfaces: [{ name: 'eth1', network: 'blue' }] });
    expect(harness.admission.snapshot().vmNumbers('acme', 'a')).toEqual({ zones: { h1: { eth1: 2 } } });
    await harness.remove('Vm', 'acme', 'a');
    expect(harness.admission.snapshot().vmNumbers('acme', 'a')).toBeUndefined();
  });
});

describe('a host', () => {
  test('is known when its switch connects, and follows it unless a user has set its address', async () => {
    const harness = await openHarness();
    await harness.register('h1', '192.0.2.1');
    await harness.register('h1', '192.0.2.7');
    expect(harness.spec('Host', undefined, 'h1').encapIp).toBe('192.0.2.7');
    expect((await harness.register('h1', '192.0.2.7')).results[0]?.action).toBe('unchanged');
    await harness.put('Host', undefined, 'h1', { encapIp: '192.0.2.8' });
    await harness.register('h1', '192.0.2.7');
    const stored = harness.admission.snapshot().get('Host', undefined, 'h1');
    expect(stored && present(stored).spec).toEqual({ schedulable: true, encapIp: '192.0.2.8' });
    await harness.put('Host', undefined, 'h1', { encapIp: null });
    await harness.register('h1', '192.0.2.7');
    expect(harness.spec('Host', undefined, 'h1').encapIp).toBe('192.0.2.7');
  });
});

describe('options', () => {
  test('a dry run says what would change and stores nothing', async () => {
    const harness = await openFurnished();
    const before = harness.store.revision;
    const dry = await harness.admission.submit({
      dryRun: true,
      writes: [{ verb: 'put', kind: 'Network', tenant: 'acme', name: 'red', raw: {} }],
    });
    expect(dry.results[0]).toMatchObject({ action: 'created', after: { revision: 0 } });
    expect([harness.store.revision, harness.admission.snapshot().get('Network', 'acme', 'red')]).toEqual([before, undefined]);
  });

  test('an idempotency key answers as before for 24 hours, and refuses another request', async () => {
    const harness = await openFurnished();
    await harness.put('Vm', 'acme', 'a', oneInterface());
    const start = (host: string, key: string) =>
      harness.admission.submit({
        idempotency: { tenant: 'acme', key },
        writes: [{ verb: 'start', kind: 'Vm', tenant: 'acme', name: 'a', host }],
      });
    const first = await start('h1', 'k');
    await harness.stop('acme', 'a');
    const replayed = await start('h1', 'k');
    expect([replayed.replayed, replayed.revision, replayed.results[0]?.action]).toEqual([true, first.revision, 'updated']);
    expect(replayed.results[0]?.after).toEqual(first.results[0]?.after);
    expect(harness.spec('Vm', 'acme', 'a').power).toBe('stopped');
    await expect(start('h2', 'k')).rejects.toMatchObject({ code: 'idempotency-mismatch' });
    const later = await openHarness(harness.store);
    await expect(
      later.admission.submit({
        idempotency: { tenant: 'acme', key: 'k' },
        writes: [{ verb: 'stop', kind: 'Vm', tenant: 'acme', name: 'a' }],
      }),
    ).rejects.toMatchObject({
      code: 'idempotency-mismatch',
    });
    harness.store.wallMs += 24 * 60 * 60 * 1000;
    expect((await start('h2', 'k')).results[0]?.action).toBe('updated');
    expect(harness.spec('Vm', 'acme', 'a').host).toBe('h2');
  });

  test('the deletion of a VM answers as before for 24 hours, unless the VM or its tenant is another', async () => {
    const harness = await openFurnished();
    const made = await harness.put('Vm', 'acme', 'a', oneInterface());
    const first = await harness.remove('Vm', 'acme', 'a');
    const { revision } = harness.store;
    const later = await openHarness(harness.store);
    const again = await later.remove('Vm', 'acme', 'a');
    expect([again.replayed, again.revision, again.results]).toEqual([true, first.revision, first.results]);
    expect(again.results[0]?.before).toEqual(made.results[0]?.after);
    await expect(later.remove('Vm', 'acme', 'b')).rejects.toMatchObject({ code: 'not-found' });
    const dry = later.admission.submit({ dryRun: true, writes: [{ verb: 'delete', kind: 'Vm', tenant: 'acme', name: 'a' }] });
    await expect(dry).rejects.toMatchObject({ code: 'not-found' });
    expect(harness.store.revision).toBe(revision);

    await later.put('Vm', 'acme', 'a', oneInterface());
    expect((await later.remove('Vm', 'acme', 'a')).revision).toBe(revision + 2);
    harness.store.wallMs += 24 * 60 * 60 * 1000;
    await expect(later.remove('Vm', 'acme', 'a')).rejects.toMatchObject({ code: 'not-found' });
    await later.put('Vm', 'acme', 'b', oneInterface());
    await later.remove('Vm', 'acme', 'b');
    const kept = await harness.store.range({ start: 'idem/', end: 'idem0' });
    expect(kept.entries.map(({ key }) => key)).toEqual(['idem/acme/Vm/b']);

    await later.remove('Network', 'acme', 'blue');
    await later.remove('Tenant', undefined, 'acme');
    harness.store.wallMs += 1;
    await later.put('Tenant', undefined, 'acme', {});
    await expect(later.remove('Vm', 'acme', 'b')).rejects.toMatchObject({ code: 'not-found' });
  });

  test('the past can be read', async () => {
    const harness = await openFurnished();
    const { revision } = await harness.put('Vm', 'acme', 'a', oneInterface());
    await harness.remove('Vm', 'acme', 'a');
    const past = await harness.admission.at(revision);
    expect(past.get('Vm', 'acme', 'a')?.revision).toBe(revision);
    expect(harness.admission.snapshot().get('Vm', 'acme', 'a')).toBeUndefined();
  });
});
