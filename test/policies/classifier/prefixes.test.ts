import { expect, test } from 'vitest';
import { Random } from '../../../bench/workloads/random.ts';
import { actionBits, Classifier, ends, question } from '../../../policies/classifier/index.ts';
import type { Rule } from '../../../policies/model/kinds.ts';
import { formatPrefix, prefixContains } from '../../../src/base/addresses.ts';
import type { Address, Prefix } from '../../../src/base/addresses.ts';
import { nic, SmallCloud } from '../small-cloud.ts';

/** Hundreds of prefixes, nested and side by side, come and go: what an address is in is compared with a look at each. */
const firstSeed = Number(process.env['WEIR_SEED'] ?? 7000);
const policies = 40;
const rulesMax = 12;

function randomPrefix(random: Random, family: 4 | 6): Prefix {
  const bits = family === 4 ? 32 : 128;
  const length = random.chance(0.03) ? 0 : random.pick([8, 12, 15, 16, 17, 20, 24, 25, 30, 31, 32, ...(family === 6 ? [48, 64, 128] : [])]);
  const value = randomAddress(random, family).value;
  return { family, length, value: (value >> BigInt(bits - length)) << BigInt(bits - length) };
}

/** Close to each other, so that prefixes nest and meet. */
function randomAddress(random: Random, family: 4 | 6): Address {
  const word = (): bigint =>
    BigInt((random.pick([10, 11, 172, 255]) << 24) >>> 0) + BigInt(random.integer(0, 3) * 65_536 + random.pick([0, 1, 255, 256, 65_535]));
  if (family === 4) return { family, value: word() };
  return { family, value: (word() << 96n) | BigInt(random.integer(0, 3)) };
}

test.each(Array.from({ length: 12 }, (_, index) => firstSeed + index))('an address is in the prefixes that contain it, seed %i', (seed) => {
  const random = new Random(seed);
  const cloud = new SmallCloud()
    .tenant('acme')
    .network('acme', 'a', 1000, '10.9.0.0/24', '10.9.0.1')
    .vm('acme', 'one', undefined, {}, nic('a', '10.9.0.10'));
  const { documents } = cloud;
  const wanted = new Map<string, readonly Prefix[]>();
  const nameOf = (number: number): string => `p-${String(number).padStart(3, '0')}`;
  const put = (number: number): void => {
    const name = nameOf(number);
    const prefixes = Array.from({ length: random.integer(1, rulesMax) }, () => randomPrefix(random, random.chance(0.7) ? 4 : 6));
    const ingress = prefixes.map((prefix): Rule => ({
      action: 'allow',
      peers: [{ kind: 'cidr', cidr: formatPrefix(prefix), except: [] }],
      log: false,
    }));
    wanted.set(name, prefixes);
    documents.put({
      kind: 'Policy',
      metadata: { name, tenant: 'acme', labels: {}, uid: name, createdAt: '2026-01-01T00:00:00Z' },
      spec: { tier: 'tenant', order: 1, ingress, egress: [] },
    });
  };
  const isLoaded = seed % 2 === 0;
  if (isLoaded) for (let number = 0; number < policies; number++) put(number);
  const classifier = new Classifier(documents, 0, { bytesFirst: 1024, bytesMax: 2 ** 26 }, 1);
  const reader = classifier.reader();
  const [one] = classifier.interfaces.ofVm('acme', 'one') ?? [];
  const words = new Int32Array(question.size);
  const answers = new Int32Array(2);
  const decided = ({ family, value }: Address): string => {
    words.set([-1, 6, 80, family, ends.nobody, one?.number ?? 0]);
    const shifts = family === 4 ? [0n] : [96n, 64n, 32n, 0n];
    words.set(
      shifts.map((shift) => Number((value >> shift) & 0xffffffffn) | 0),
      question.source,
    );
    reader.decide(words, 1, answers);
    const outcome = answers[1] ?? 0;
    const rule = outcome < 0 ? undefined : classifier.rule(outcome >>> actionBits);
    return rule ? `${rule.policy}/${rule.index}` : 'none';
  };
  const expected = (address: Address): string => {
    for (const [name, prefixes] of [...wanted].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const index = prefixes.findIndex((prefix) => prefix.family === address.family && prefixContains(prefix, address));
      if (index >= 0) return `${name}/${index}`;
    }
    return 'none';
  };
  const seen = new Set<string>();
  for (let revision = 1; revision < 60; revision++) {
    const number = random.integer(0, policies - 1);
    const id = { kind: 'Policy', tenant: 'acme', name: nameOf(number) } as const;
    if (wanted.has(id.name) && random.chance(0.3)) {
      wanted.delete(id.name);
      documents.delete(id);
    } else put(number);
    classifier.update({ documents: [{ id }] }, documents, revision);
    let steps = random.integer(0, 30);
    if (random.chance(0.3)) classifier.work(() => --steps <= 0);
    if (random.chance(0.5)) classifier.work();
    for (let count = 0; count < 60; count++) {
      const near = random.pick([...wanted.values()].flat());
      const address = near && random.chance(0.5) ? edgeOf(random, near) : randomAddress(random, random.chance(0.7) ? 4 : 6);
      const found = decided(address);
      expect(found, `seed ${seed}, revision ${revision}, IPv${address.family} ${address.value.toString(16)}`).toBe(expected(address));
      seen.add(found);
    }
  }
  expect(seen.size).toBeGreaterThan(10);
});

/** The first or last address of a prefix, or one beside it. */
function edgeOf(random: Random, { family, value, length }: Prefix): Address {
  const bits = BigInt((family === 4 ? 32 : 128) - length);
  const all = (1n << BigInt(family === 4 ? 32 : 128)) - 1n;
  const last = value | ((1n << bits) - 1n);
  return { family, value: random.pick([value, last, value - 1n, last + 1n]) & all };
}
