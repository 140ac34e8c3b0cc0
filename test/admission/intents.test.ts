import { expect, test } from 'vitest';
import { openHarness, document, oneInterface, refused } from './harness.ts';
import type { Harness } from './harness.ts';
import { violations } from './invariants.ts';

async function openOffice(): Promise<Harness> {
  const h = await openHarness();
  await h.apply(
    document('Tenant', undefined, 'acme', { quotas: { policies: 8 } }),
    document('Network', 'acme', 'blue', { subnets: [{ cidr: '10.0.0.0/24' }] }),
    document('Group', 'acme', 'web', { selector: { matchLabels: { app: 'web' } } }),
    document('Group', 'acme', 'lab', { selector: { matchLabels: { env: 'lab' } } }),
    document('Service', 'acme', 'ledger', { ports: [{ protocol: 'tcp', port: 7001 }] }),
    { ...document('Vm', 'acme', 'db-1', oneInterface()), metadata: { name: 'db-1', tenant: 'acme', labels: { role: 'database' } } },
  );
  return h;
}

const say = (h: Harness, name: string, text: string) => h.put('Intent', 'acme', name, { text });
const owned = (h: Harness): readonly string[] =>
  (['Group', 'Policy', 'QosPolicy'] as const).flatMap((kind) =>
    [...h.admission.snapshot().list(kind)].flatMap(({ document: { metadata } }) =>
      metadata.ownedBy === undefined ? [] : [`${kind} ${metadata.name} of ${metadata.ownedBy.name}`],
    ),
  );

test('an intent is written with what it owns in one revision, changed and removed with it', async () => {
  const h = await openOffice();
  const { revision, results } = await say(h, 'web-db', 'allow web servers to reach databases on ledger');
  expect(results.map(({ action }) => action)).toEqual(['created']);
  expect(h.spec('Intent', 'acme', 'web-db')).toMatchObject({
    echo: 'Allow ledger (tcp 7001) from group web to interfaces labelled role=database.',
    order: 500,
  });
  expect(owned(h)).toEqual([
    'Group intent-web-db-database of web-db',
    'Policy intent-web-db-allowance of web-db',
    'Policy intent-web-db-allowance-2 of web-db',
  ]);
  expect(h.admission.snapshot().get('Policy', 'acme', 'intent-web-db-allowance')?.revision).toBe(revision);
  expect(h.admission.snapshot().policyNumbers('acme', 'intent-web-db-allowance')?.egress).toHaveLength(1);

  await say(h, 'web-db', 'limit web to 5 Mbit/s');
  expect(owned(h)).toEqual(['QosPolicy intent-web-db-bandwidth of web-db']);
  expect(h.admission.snapshot().policyNumbers('acme', 'intent-web-db-allowance')).toBeUndefined();

  await h.remove('Intent', 'acme', 'web-db');
  expect(owned(h)).toEqual([]);
  expect(violations(h.admission.snapshot())).toEqual([]);
});

test('the same again changes nothing, not even after a restart', async () => {
  const h = await openOffice();
  await say(h, 'a', 'isolate lab except from web on ssh');
  const before = h.admission.snapshot().get('Policy', 'acme', 'intent-a-exception');
  const again = await openHarness(h.store);
  const { results } = await say(again, 'a', 'isolate lab except from web on ssh');
  expect(results[0]?.action).toBe('unchanged');
  expect(again.admission.snapshot().get('Policy', 'acme', 'intent-a-exception')).toEqual(before);
});

test('a dry run says what it would come to and stores nothing', async () => {
  const h = await openOffice();
  const raw = { spec: { text: 'deny ssh from lab to web' } };
  const { results } = await h.admission.submit({ writes: [{ verb: 'put', kind: 'Intent', tenant: 'acme', name: 'a', raw }], dryRun: true });
  expect(results[0]?.compiled?.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['Policy intent-a-denial', 'Policy intent-a-denial-2']);
  expect(owned(h)).toEqual([]);
  expect(h.admission.snapshot().get('Intent', 'acme', 'a')).toBeUndefined();
});

test('names are looked up among what is written with the intent', async () => {
  const h = await openOffice();
  await h.apply(document('Intent', 'acme', 'a', { text: 'isolate cellar' }), document('Group', 'acme', 'cellar', { selector: {} }));
  expect(h.spec('Intent', 'acme', 'a').echo).toContain('group cellar');
});

test('what an intent owns is written by nobody else', async () => {
  const h = await openOffice();
  await say(h, 'a', 'isolate databases from lab');
  const group = h.admission.snapshot().get('Group', 'acme', 'intent-a-database');
  const change = await refused(h, () => h.put('Group', 'acme', 'intent-a-database', { selector: {} }));
  expect(change).toMatchObject({ code: 'owned' });
  expect(change.message).toContain('Intent acme/a');
  expect(await refused(h, () => h.remove('Policy', 'acme', 'intent-a-denial'))).toMatchObject({ code: 'owned' });
  const same = { kind: 'Group', metadata: { ...group?.document.metadata }, spec: { selector: { matchLabels: { role: 'database' } } } };
  expect((await h.apply(same)).results[0]?.action, 'as it is').toBe('unchanged');
  await h.remove('Intent', 'acme', 'a');
  expect(await refused(h, () => h.apply(same)), 'once its intent is gone').toMatchObject({ code: 'owned' });
});

test('a name that an intent needs and somebody else has is refused', async () => {
  const h = await openOffice();
  await h.put('Policy', 'acme', 'intent-a-denial', { order: 7 });
  const error = await refused(h, () => say(h, 'a', 'deny ssh from lab to web'));
  expect(error).toMatchObject({ code: 'conflict', users: [{ kind: 'Policy', tenant: 'acme', name: 'intent-a-denial' }] });
  expect(h.spec('Policy', 'acme', 'intent-a-denial').order).toBe(7);
});

test('what an intent names cannot go; the intent is said to use it', async () => {
  const h = await openOffice();
  await say(h, 'a', 'allow web to reach lab on ledger');
  for (const [kind, name] of [
    ['Group', 'web'],
    ['Service', 'ledger'],
  ] as const)
    expect(await refused(h, () => h.remove(kind, 'acme', name))).toMatchObject({
      code: 'in-use',
      users: [{ kind: 'Intent', tenant: 'acme', name: 'a' }],
    });
});

test('what users hang on an intent’s group keeps it', async () => {
  const h = await openOffice();
  await say(h, 'a', 'isolate databases from lab');
  await h.put('Policy', 'acme', 'mine', { appliesTo: ['intent-a-database'] });
  expect(await refused(h, () => h.remove('Intent', 'acme', 'a'))).toMatchObject({
    code: 'in-use',
    users: [{ kind: 'Policy', name: 'mine' }],
  });
});

test('quotas count what an intent owns', async () => {
  const h = await openOffice();
  await say(h, 'a', 'isolate lab except from web on ssh');
  await say(h, 'b', 'isolate lab');
  expect(await refused(h, () => say(h, 'c', 'isolate web'))).toMatchObject({ code: 'quota-exceeded' });
});

test('a bad sentence is refused with its places', async () => {
  const h = await openOffice();
  expect(await refused(h, () => say(h, 'a', 'allow wob to reach lab on lodger'))).toMatchObject({
    code: 'reference-missing',
    errors: [
      {
        pointer: '/spec/text',
        detail: 'line 1, column 7: "wob" names no group, label, VM or network; did you mean web?',
        place: { column: 7, length: 3 },
      },
      { pointer: '/spec/text', detail: 'line 1, column 27: "lodger" names no service; did you mean ledger?' },
    ],
  });
  expect(await refused(h, () => say(h, 'a', 'hello'))).toMatchObject({
    code: 'malformed',
    errors: [{ place: { line: 1, column: 1, length: 5 } }],
  });
  expect(await refused(h, () => say(h, 'x'.repeat(41), 'isolate lab'))).toMatchObject({ code: 'malformed' });
  expect(await refused(h, () => h.put('Intent', 'acme', 'a', { text: 'isolate lab', order: 5 }))).toMatchObject({
    code: 'malformed',
    errors: [{ pointer: '/spec/order' }],
  });
});

test('the platform’s intents', async () => {
  const h = await openOffice();
  await h.put('Intent', undefined, 'telnet', { text: 'for all tenants, deny telnet from anywhere to anywhere' });
  expect(h.spec('Policy', undefined, 'intent-telnet-denial')).toMatchObject({ tier: 'platform', order: 500 });
  await h.put('Intent', undefined, 'ping', { text: 'by default for tenant acme: allow ping from all vms to all vms' });
  expect(h.spec('Policy', undefined, 'intent-ping-allowance')).toMatchObject({ tier: 'baseline', appliesTo: ['intent-ping-all'] });
  expect(h.spec('Group', undefined, 'intent-ping-all')).toMatchObject({ tenants: ['acme'] });
});
