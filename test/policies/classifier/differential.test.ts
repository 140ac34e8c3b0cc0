import { expect, test } from 'vitest';
import { Random } from '../../../bench/workloads/random.ts';
import { judge, readQuestion } from '../../../policies/index.ts';
import type { Asked, Question, SideVerdict } from '../../../policies/index.ts';
import { actionBits, actions, Classifier, ends, outcomes, question, Reader, Resolver } from '../../../policies/classifier/index.ts';
import type { Ends } from '../../../policies/classifier/index.ts';
import type { World } from '../../../policies/selectors/index.ts';
import { formatAddress } from '../../../src/base/addresses.ts';
import { WeirError } from '../../../src/base/errors.ts';
import { externals, RandomCloud } from '../random-cloud.ts';

/** Judge and classifier over random clouds that change: every question of both, by names and by addresses alone. */
const firstSeed = Number(process.env['WEIR_SEED'] ?? 5000);
const rounds = Number(process.env['WEIR_ROUNDS'] ?? 10);
const questionsARound = 60;
const ports = [80, 443, 5432, 53, 50, 500, 501, 9];

type Side = Omit<SideVerdict, 'tried'> | null;

/** A side's outcome as `judge` puts it. */
function sideOf(classifier: Classifier, outcome: number): Side {
  if (outcome === outcomes.none) return null;
  if (outcome < 0) return { verdict: outcome === outcomes.allowed ? 'allow' : 'deny', tier: 'posture' };
  const rule = classifier.rule(outcome >>> actionBits);
  const verdict = actions[outcome & 3];
  if (rule === undefined || verdict === undefined || verdict === 'pass') throw new Error(`${outcome} is no outcome`);
  return { verdict, tier: rule.tier, policy: rule.policy, rule: rule.index };
}

function withoutTried(side: SideVerdict | null): Side {
  if (side === null) return null;
  const { tried: _, ...rest } = side;
  return rest;
}

function randomAsked(random: Random, world: World, tenant: string | undefined): Asked {
  const vms = [...world.list('Vm', tenant)].map(({ document }) => document);
  const end = (): string => {
    const vm = random.pick(vms);
    if (vm === undefined || random.chance(0.15)) return random.pick(externals);
    const item = random.pick(vm.spec.interfaces);
    if (random.chance(0.02)) return 'nobody/eth0';
    if (random.chance(0.3)) return (item && random.pick(item.addresses)) ?? '10.0.1.10';
    const name = tenant === undefined ? `${vm.metadata.tenant}/${vm.metadata.name}` : vm.metadata.name;
    return item && random.chance(0.5) ? `${name}/${item.name}` : name;
  };
  const ends = { from: end(), to: end() };
  const family = random.chance(0.3) ? { family: random.pick([4, 6] as const) } : {};
  if (random.chance(0.2)) {
    const protocol = random.pick(['icmp', 'icmpv6'] as const);
    return { ...ends, protocol, ...family, ...(random.chance(0.5) ? { type: random.pick([0, 8, 128]), code: random.pick([0, 1]) } : {}) };
  }
  const port = random.chance(0.97) ? { port: random.pick(ports) } : {};
  return { ...ends, protocol: random.pick(['tcp', 'udp', 'sctp'] as const), ...port, ...family };
}

const attempt = <T>(act: () => T): T | string => {
  try {
    return act();
  } catch (thrown) {
    if (thrown instanceof WeirError) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
};

const told = (end: Ends['from']): unknown => [
  formatAddress(end.address),
  end.holder && `${end.holder.tenant}/${end.holder.vm}/${end.holder.interface}`,
];
const toldByReference = (end: Question['from']): unknown => [
  formatAddress(end.address),
  end.owner && `${end.owner.tenant}/${end.owner.vm}/${end.owner.interface}`,
];

/** The same question with its ends left to be found by address, in the domain of an interface that holds one of them. */
function byAddress(words: Int32Array, chosen: Ends): boolean {
  const known = chosen.from.holder ?? chosen.to.holder;
  if (known === undefined) return false;
  words[question.domain] = known.domain;
  words[question.from] =
    chosen.from.holder === undefined || chosen.from.holder.domain === known.domain ? ends.find : chosen.from.holder.number;
  words[question.to] = chosen.to.holder === undefined || chosen.to.holder.domain === known.domain ? ends.find : chosen.to.holder.number;
  return true;
}

interface Tools {
  readonly classifier: Classifier;
  readonly reader: Reader;
  readonly resolver: Resolver;
}

interface Compared {
  readonly wanted: readonly unknown[];
  /** By names, and by addresses where that means the same. */
  readonly found: readonly (readonly unknown[])[];
  /** Undefined when there is nothing to decide. */
  readonly how: string | undefined;
}

function compare(world: World, { classifier, reader, resolver }: Tools, tenant: string | undefined, asked: Asked): Compared {
  const words = new Int32Array(question.size);
  const reference = attempt(() => readQuestion(world, tenant, asked));
  const chosen = attempt(() => resolver.resolve(tenant, asked, words, 0));
  if (typeof reference === 'string' || typeof chosen === 'string') return { wanted: [reference], found: [[chosen]], how: undefined };
  const verdict = judge(world, reference);
  const sides = [withoutTried(verdict.egress), withoutTried(verdict.ingress)];
  const answers = new Int32Array(2);
  const answer = (): readonly unknown[] => {
    reader.decide(words, 1, answers);
    return [told(chosen.from), told(chosen.to), ...[...answers].map((outcome) => sideOf(classifier, outcome))];
  };
  const found = [answer()];
  if (isFoundAlike(resolver, chosen) && byAddress(words, chosen)) found.push(answer());
  return {
    wanted: [toldByReference(reference.from), toldByReference(reference.to), ...sides],
    found,
    how: sides.map((side) => (side === null ? 'none' : `${side.tier} ${side.verdict}`)).join(', '),
  };
}

/** Whether no bare address is held in the domain of the other end: a tenant is told less than a classifier finds. */
function isFoundAlike(resolver: Resolver, { from, to }: Ends): boolean {
  const known = from.holder ?? to.holder;
  return [from, to].every((end) => end.holder !== undefined || !resolver.isHeld(end.address, known?.domain));
}

test.each(Array.from({ length: 30 }, (_, index) => firstSeed + index))(
  'classifier and judge agree while the cloud changes, seed %i',
  (seed) => {
    const random = new Random(seed);
    const cloud = new RandomCloud(random);
    // So small that the shared memory grows in the midst of updates, under readers that stand.
    // Tables of a single rule have lanes, when they are built.
    const classifier = new Classifier(cloud.documents, 0, { bytesFirst: 1024, bytesMax: 2 ** 26 }, 1);
    const changing: Tools = { classifier, reader: classifier.reader(), resolver: new Resolver(classifier.interfaces) };
    const seen = new Map<string, number>();
    let revision = 0;
    let laned = 0;
    for (let round = 0; round < rounds; round++) {
      for (let step = 0; step < 5; step++) {
        classifier.update(cloud.mutate(), cloud.documents, ++revision);
        // Built in part: the next update finds some tables with lanes, one half built, some without.
        let steps = random.integer(0, 40);
        if (random.chance(0.5)) classifier.work(() => --steps <= 0);
      }
      if (random.chance(0.7)) classifier.work();
      laned = Math.max(laned, classifier.size.lanes.rules);
      const anew = new Classifier(cloud.documents, revision, undefined, 1);
      if (random.chance(0.5)) anew.work();
      const fresh: Tools = { classifier: anew, reader: anew.reader(), resolver: new Resolver(anew.interfaces) };
      for (let count = 0; count < questionsARound; count++) {
        const tenant = random.chance(0.5) ? random.pick(['t0', 't1', 't2']) : undefined;
        const asked = randomAsked(random, cloud.documents, tenant);
        const hint = `seed ${seed} round ${round}: ${tenant ?? 'platform'} asks ${JSON.stringify(asked)}`;
        const anewCompared = compare(cloud.documents, fresh, tenant, asked);
        for (const found of anewCompared.found) expect(found, `${hint}, compiled anew`).toEqual(anewCompared.wanted);
        const { wanted, found: all, how = 'none' } = compare(cloud.documents, changing, tenant, asked);
        for (const found of all) expect(found, `at ${hint}`).toEqual(wanted);
        seen.set(how, (seen.get(how) ?? 0) + 1);
      }
      expect(classifier.size.rules, `seed ${seed} round ${round}`).toBe(anew.size.rules);
      expect(classifier.size.groupSets, `seed ${seed} round ${round}`).toBe(anew.size.groupSets);
      expect(classifier.size.groups, `seed ${seed} round ${round}`).toBe(anew.size.groups);
    }
    expect(laned, 'some tables are decided by vectors').toBeGreaterThan(0);
    expect(seen.size, 'the questions reach several tiers and verdicts').toBeGreaterThan(4);
  },
);
