import { expect, test } from 'vitest';
import { conflictsOf, understand } from '../../../policies/intents/index.ts';
import { smallOffice } from './small-office.ts';

const world = smallOffice().documents;

const ownerOf = (who: 'acme' | 'platform'): string | undefined => (who === 'acme' ? who : undefined);

function intent(name: string, text: string, order = 500, who: 'acme' | 'platform' = 'acme') {
  const owner = ownerOf(who);
  const understood = understand(text, owner, world);
  if (!understood.ok) throw new Error(understood.problems[0]?.detail);
  return { name, order, meaning: understood.meaning };
}

function run<T>(work: Generator<undefined, T>): { readonly steps: number; readonly result: T } {
  for (let steps = 1; ; steps++) {
    const { done, value } = work.next();
    if (done === true) return { steps, result: value };
  }
}

const foundAmong = (...asked: Parameters<typeof conflictsOf>) => run(conflictsOf(...asked)).result;

const conflicts = (a: string, b: string, who: 'acme' | 'platform' = 'acme') =>
  foundAmong([intent('a', a, 500, who)], [intent('b', b, 500, who)], ownerOf(who), world)[0] ?? [];

test.each([
  [
    'allow web servers to reach databases on postgresql',
    'deny everything from web servers to databases',
    'b',
    'a denial goes before an allowance',
  ],
  ['allow web servers to reach databases on postgresql', 'isolate production', 'b', 'an isolation goes before an allowance'],
  ['isolate lab from production', 'allow vm web-2 to reach vm web-1 on https', 'a', 'a denial goes before an allowance'],
  [
    'deny everything from guests to payroll except https',
    'deny https from vm guest-1 to anywhere',
    'b',
    'a denial goes before an exception from a denial',
  ],
  [
    'deny everything from guests to payroll except https',
    'allow guests to reach payroll on ssh',
    'a',
    'a denial with exceptions goes before an allowance',
  ],
  ['isolate lab', 'deny everything from guests to lab except https', 'a', 'an isolation goes before an exception from a denial'],
  ['reject telnet to 10.0.0.0/8', 'allow all vms to reach db-1 on tcp 20-30', 'a', 'a denial goes before an allowance'],
  ['allow web servers to reach the internet on https', 'deny tcp 443 to 203.0.113.0/24', 'b', 'a denial goes before an allowance'],
] as const)('%s | %s', (a, b, winner, reason) => {
  const [found, ...more] = conflicts(a, b);
  expect(more).toEqual([]);
  expect(found).toMatchObject({ with: 'b', winner });
  expect(found?.explanation).toContain(`${winner} wins, because ${reason}`);
  expect(conflicts(b, a)[0]?.winner, 'seen from the other side').toBe(winner === 'a' ? 'b' : 'a');
});

test('a conflict names both sayings', () => {
  expect(conflicts('allow web servers to reach databases on postgresql', 'isolate vm web-1 from databases')[0]?.explanation).toBe(
    'intent b denies everything from vm web-1 to interfaces labelled role=database, and intent a allows postgresql (tcp 5432) from group ' +
      'web-servers to interfaces labelled role=database: b wins, because a denial goes before an allowance',
  );
});

test.each([
  ['other services', 'allow guests to reach payroll on https', 'deny ssh from guests to payroll'],
  ['other interfaces', 'allow guests to reach payroll on https', 'deny everything from web servers to payroll'],
  ['the other way', 'allow guests to reach payroll', 'deny everything from payroll to guests'],
  ['the same verdict', 'deny https from guests to payroll', 'isolate guests from payroll'],
  ['what is allowed is excepted', 'let only web servers reach databases', 'allow web servers to reach databases on postgresql'],
  ['what is allowed is excepted, by another name', 'let only app=web reach databases', 'allow vm web-1 to reach databases on postgresql'],
  ['addresses that were cut out', 'allow web servers to reach the internet', 'deny everything to 10.0.0.0/8'],
  ['bandwidth and access', 'limit guests to 5 Mbit/s', 'allow guests to reach payroll'],
  ['two limits', 'limit guests to 5 Mbit/s', 'limit all vms to 10 Mbit/s'],
  ['hours apart', 'limit guests to 5 Mbit/s between 22:00 and 06:00', 'guarantee guests 10 Mbit/s between 06:00 and 22:00'],
  ['other directions', 'limit guests to 5 Mbit/s outgoing', 'guarantee guests 10 Mbit/s incoming'],
])('no conflict: %s', (_why, a, b) => {
  expect(conflicts(a, b)).toEqual([]);
});

test('more is guaranteed than a limit lets pass', () => {
  const [found] = conflicts('guarantee databases 500 Mbit/s', 'limit production to 200 Mbit/s between 22:00 and 06:00');
  expect(found).toMatchObject({ with: 'b', winner: 'b' });
  expect(found?.explanation).toContain('no interface gets more than its limit');
});

test('a lower order goes before what is stronger', () => {
  const found = foundAmong(
    [intent('a', 'allow guests to reach payroll', 100)],
    [intent('b', 'deny everything from guests to payroll', 500)],
    'acme',
    world,
  );
  expect(found[0]?.[0]).toMatchObject({ winner: 'a' });
  expect(found[0]?.[0]?.explanation).toContain('its order is lower (100 before 500)');
});

test('the platform’s intents conflict where they speak for the same tenants', () => {
  const allow = 'for tenant acme: allow ssh from anywhere to all vms';
  expect(conflicts(allow, 'for all tenants: deny ssh from anywhere to anywhere', 'platform')[0]?.winner).toBe('b');
  expect(conflicts(allow, 'for tenant globex: deny ssh from anywhere to anywhere', 'platform')).toEqual([]);
  expect(conflicts('by default for all tenants: deny ssh from anywhere to anywhere', allow, 'platform')[0]?.explanation).toContain(
    'what is said by default comes last',
  );
});

test('what cannot contradict is not compared, and the rest in steps', () => {
  const many = (kind: string, text: (index: number) => string) =>
    Array.from({ length: 100 }, (_, index) => intent(`${kind}-${index}`, text(index)));
  const allowed = many('allow', (index) => `allow guests to reach payroll on tcp ${index + 1}`);
  const denied = many('deny', (index) => `deny tcp ${index + 1001} from guests to payroll`);
  const limited = many('limit', (index) => `limit guests to ${index + 1} Mbit/s`);
  const steps = (intents: typeof allowed, others: typeof allowed) => run(conflictsOf(intents, others, 'acme', world)).steps;
  expect(steps([...allowed, ...limited], [...allowed, ...limited])).toBe(1);
  expect(steps(denied, [...denied, ...limited])).toBe(1);
  // 10,000 pairs, which nobody waits for at a stretch.
  expect(steps(allowed, [...allowed, ...denied, ...limited])).toBeGreaterThan(600);
  const late = [...denied, intent('late', 'deny tcp 7 from guests to payroll')];
  expect(foundAmong(allowed, late, 'acme', world).flatMap((found, index) => found.map((each) => [index, each.with]))).toEqual([
    [6, 'late'],
  ]);
});
