import { expect, test } from 'vitest';
import { Random } from '../../../bench/workloads/random.ts';
import type { Direction, Tier } from '../../../policies/compiled.ts';
import type { Peer, Port, Rule } from '../../../policies/model/kinds.ts';
import { applies, ruleMatches } from '../../../policies/semantics/side.ts';
import type { Side, Subject } from '../../../policies/semantics/side.ts';
import type { PolicyDocument } from '../../../policies/selectors/index.ts';
import { Verification } from '../../../policies/verify/index.ts';
import { parseAddress } from '../../../src/base/addresses.ts';
import { SmallCloud } from '../small-cloud.ts';

/**
 * Brute force: every interface that differs in a label that selectors name, every address at the edge of a block and every port at the
 * edge of a range. A rule is reported as shadowed exactly when it decides none of these packets, by the reference semantics.
 */
const values = ['a', 'b'] as const;
const keys = ['app', 'env'] as const;
const groups = ['g0', 'g1', 'g2', 'g3'] as const;
const blocks = ['10.0.0.0/8', '10.0.0.0/9', '10.128.0.0/9', '10.64.0.0/10', '0.0.0.0/0', '::/0'] as const;
const addresses = ['9.9.9.9', '10.0.0.1', '10.64.0.1', '10.128.0.1', 'fd00::1'].map(parseAddress);
const ranges: readonly [readonly [number, number], ...(readonly [number, number])[]] = [
  [0, 99],
  [100, 199],
  [50, 149],
  [200, 65535],
  [100, 65535],
  [0, 65535],
];
const packets: readonly Side['packet'][] = [
  ...[0, 50, 100, 149, 150, 200].map((port) => ({ protocol: 'tcp' as const, port })),
  { protocol: 'udp', port: 53 },
];

function randomCloud(random: Random): SmallCloud {
  const cloud = new SmallCloud().tenant('acme').tenant('other');
  for (const group of groups) {
    const requirement = () => ({
      key: random.pick(keys),
      operator: random.pick(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    });
    const expressions = Array.from({ length: random.integer(0, 2) }, requirement).map(({ key, operator }) => ({
      key,
      operator,
      values: operator.endsWith('In') ? values.filter(() => random.chance(0.6)).concat(random.chance(0.2) ? ['b'] : []) : [],
    }));
    cloud.put('Group', random.chance(0.3) ? undefined : 'acme', group, {
      members: {
        kind: 'selector',
        selector: { matchLabels: random.chance(0.4) ? { app: random.pick(values) } : {}, matchExpressions: expressions },
      },
    });
  }
  for (let index = 0; index < 7; index++) {
    const owner = random.chance(0.35) ? undefined : 'acme';
    const names = groups.filter((group) => cloud.documents.get('Group', owner, group));
    const rules = (): readonly Rule[] => Array.from({ length: random.integer(0, 2) }, () => randomRule(random, names));
    cloud.policy(owner, `p${index}`, {
      order: random.pick([1, 2, 3]),
      ...(names.length > 0 && random.chance(0.5) ? { appliesTo: [random.pick(names) ?? 'g0'] } : {}),
      ingress: rules(),
      egress: rules(),
    });
  }
  return cloud;
}

function randomRule(random: Random, names: readonly string[]): Rule {
  const peer = (): Peer => {
    const group = random.pick(names);
    if (group !== undefined && random.chance(0.6)) return { kind: 'group', group };
    const cidr = random.pick(blocks);
    return { kind: 'cidr', cidr, except: cidr === '10.0.0.0/8' && random.chance(0.3) ? ['10.64.0.0/10'] : [] };
  };
  const port = (): Port => {
    const [first, last] = random.pick(ranges);
    return { protocol: 'tcp', port: first, endPort: last };
  };
  return {
    action: random.pick(['allow', 'deny', 'pass', 'allow', 'deny']),
    ...(random.chance(0.6) ? { peers: Array.from({ length: random.integer(1, 2) }, peer) } : {}),
    ...(random.chance(0.8) ? { services: Array.from({ length: random.integer(1, 2) }, port) } : {}),
    log: false,
  };
}

const choices: readonly (string | undefined)[] = ['a', 'b', 'x', undefined];
const subjectsOf = (tenant: string): readonly Subject[] =>
  choices.flatMap((app) =>
    choices.map((env) => ({
      tenant,
      labels: { ...(app === undefined ? {} : { app }), ...(env === undefined ? {} : { env }), 'weir.io/tenant': tenant },
      ports: {},
    })),
  );
const locals = { acme: subjectsOf('acme'), other: subjectsOf('other') };
const peers: readonly Side['peer'][] = addresses.flatMap((address) =>
  [undefined, ...locals.acme, ...locals.other].map((subject) => ({ address, subject })),
);

interface Asked {
  readonly name: string;
  readonly policy: PolicyDocument;
  readonly rule: Rule;
}

/** In the order in which they are asked. */
function asked(cloud: SmallCloud, tier: Tier, direction: Direction): readonly Asked[] {
  const policies = [...cloud.documents.list('Policy')].map(({ document }) => document).filter(({ spec }) => spec.tier === tier);
  return policies
    .toSorted((a, b) => a.spec.order - b.spec.order || (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((policy) =>
      policy.spec[direction].map((rule, index) => ({ name: `${policy.metadata.name}/${direction}/${index}`, policy, rule })),
    );
}

/** The rules that are the first to match some packet that comes to their tier. */
function deciding(cloud: SmallCloud, direction: Direction): ReadonlySet<string> {
  const tiers = (['platform', 'tenant'] as const).map((tier) => asked(cloud, tier, direction));
  const found = new Set<string>();
  for (const local of [...locals.acme, ...locals.other]) {
    const applying = tiers.map((rules) => rules.filter(({ policy }) => applies(cloud.documents, policy, local)));
    for (const peer of peers) {
      for (const packet of packets) {
        const side: Side = { direction, local, peer, packet };
        for (const rules of applying) {
          const first = rules.find(({ policy, rule }) => ruleMatches(cloud.documents, policy.metadata.tenant, rule, side));
          if (first) found.add(first.name);
          if (first && first.rule.action !== 'pass') break;
        }
      }
    }
  }
  return found;
}

test('exactly the rules that decide no packet are reported', { timeout: 120_000 }, () => {
  let reported = 0;
  for (let round = 0; round < 25; round++) {
    const seed = 31_000 + round;
    const cloud = randomCloud(new Random(seed));
    const verification = new Verification(cloud.documents);
    for (const _ of verification.work());
    const { shadowed } = verification.ofOwner(null, 1000);
    const names = new Set(shadowed.items.map(({ rule }) => `${rule.policy}/${rule.direction}/${rule.rule}`));
    reported += names.size;
    for (const direction of ['ingress', 'egress'] as const) {
      const decides = deciding(cloud, direction);
      for (const tier of ['platform', 'tenant'] as const) {
        for (const { name, rule, policy } of asked(cloud, tier, direction)) {
          const isShadowed = matchesSome(cloud, direction, policy, rule) && !decides.has(name);
          expect([name, names.has(name)], `seed ${seed}`).toEqual([name, isShadowed]);
        }
      }
    }
  }
  expect(reported).toBeGreaterThan(10);
});

/** In whose policy, which way, where. */
interface Place {
  readonly policy: string;
  readonly direction: Direction;
  readonly rule: number;
}

test('what is said to be a conflict is one: a packet in common, and by order each has packets of its own', { timeout: 120_000 }, () => {
  let found = 0;
  for (let round = 0; round < 25; round++) {
    const seed = 32_000 + round;
    const cloud = randomCloud(new Random(seed));
    const verification = new Verification(cloud.documents);
    for (const _ of verification.work());
    for (const { first, second, decidedBy } of verification.ofOwner(null, 1000).conflicts.items) {
      const [one, other] = [packetsOf(cloud, first), packetsOf(cloud, second)];
      const common = one.filter((is, index) => is && other[index]).length;
      const own = [one, other].map((each) => each.filter(Boolean).length - common);
      const isOne = common > 0 && (decidedBy === 'name' || Math.min(...own) > 0);
      expect(isOne, `seed ${seed}: ${JSON.stringify([first, second])}`).toBe(true);
      found++;
    }
  }
  expect(found).toBeGreaterThan(20);
});

/** Of all packets, whether the rule matches it. */
function packetsOf(cloud: SmallCloud, { policy: name, direction, rule: index }: Place): readonly boolean[] {
  const policy = [...cloud.documents.list('Policy')].map(({ document }) => document).find(({ metadata }) => metadata.name === name);
  const rule = policy?.spec[direction][index];
  if (policy === undefined || rule === undefined) throw new Error(`no rule ${index} in ${name}`);
  return [...locals.acme, ...locals.other].flatMap((local) => {
    const isHis = applies(cloud.documents, policy, local);
    return peers.flatMap((peer) =>
      packets.map((packet) => isHis && ruleMatches(cloud.documents, policy.metadata.tenant, rule, { direction, local, peer, packet })),
    );
  });
}

function matchesSome(cloud: SmallCloud, direction: Direction, policy: PolicyDocument, rule: Rule): boolean {
  return [...locals.acme, ...locals.other]
    .filter((local) => applies(cloud.documents, policy, local))
    .some((local) =>
      peers.some((peer) =>
        packets.some((packet) => ruleMatches(cloud.documents, policy.metadata.tenant, rule, { direction, local, peer, packet })),
      ),
    );
}
