import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import type { Document } from '../../policies/model/index.ts';
import type { Clock } from '../../src/base/clock.ts';
import { keyOf } from '../../src/admission/keys.ts';
import type { Stored } from '../../src/admission/index.ts';
import { openDecider } from '../../src/inquiry/decide/index.ts';
import { externals, RandomCloud } from '../policies/random-cloud.ts';

/** Every step of the work is a slice of its own, so that commits come between any two; or all of it is one. */
const late = (): Clock => {
  let nowMs = 0;
  return { nowMs: () => (nowMs += 1_000), wallMs: () => 0 };
};
const never: Clock = { nowMs: () => 0, wallMs: () => 0 };

const kinds = ['Tenant', 'Group', 'Service', 'Policy', 'Router', 'Vm'] as const;

function deciderOver(cloud: RandomCloud, isLate: boolean) {
  let revision = 0;
  let alike = 0;
  const { documents } = cloud;
  const known = new Map<string, Stored>();
  for (const kind of kinds)
    for (const { document } of documents.list(kind)) {
      const { tenant, name } = document.metadata;
      known.set(keyOf({ kind, tenant, name }), { document, revision });
    }
  const open = (clock: Clock) =>
    openDecider({
      snapshot: () => ({ get: documents.get.bind(documents), list: documents.list.bind(documents), revision }) as never,
      clock,
      onProblem: (reason) => {
        throw new Error(reason);
      },
    });
  const decider = open(isLate ? late() : never);
  const commit = (): void => {
    const { documents: changed } = cloud.mutate();
    revision++;
    const all = changed.map(({ id }) => {
      const key = keyOf(id);
      const before = known.get(key);
      const found = documents.get<Document['kind']>(id.kind, id.tenant, id.name);
      const after = found && { document: found.document, revision };
      if (after) known.set(key, after);
      else known.delete(key);
      if (before?.document.kind === 'Vm' && after?.document.kind === 'Vm') {
        const [old, now] = [before.document, after.document].map(({ metadata, spec }) =>
          JSON.stringify([metadata.labels, spec.interfaces]),
        );
        if (old === now) alike++;
      }
      return { id, before, after };
    });
    decider.committed({ revision, wallMs: 0, documents: all, numbers: [] });
  };
  return { decider, commit, anew: () => open(never), revision: () => revision, alike: () => alike };
}

function questionsOf(cloud: RandomCloud, random: Random): readonly object[] {
  const vms = [...cloud.documents.list('Vm')].map(({ document }) => document);
  const end = (): string => {
    const vm = random.chance(0.85) ? random.pick(vms) : undefined;
    if (vm === undefined) return random.pick(externals);
    const address = random.pick(vm.spec.interfaces)?.addresses[0];
    return address !== undefined && random.chance(0.3) ? address : `${vm.metadata.tenant}/${vm.metadata.name}`;
  };
  return Array.from({ length: 60 }, () => ({
    from: end(),
    to: end(),
    protocol: random.pick(['tcp', 'udp']),
    port: random.pick([80, 443, 5432, 50, 9]),
  }));
}

test('what is decided is what was committed when it was asked, however commits gather and whoever asks meanwhile', async () => {
  let decided = 0;
  let passedOver = 0;
  for (let round = 0; round < 10; round++) {
    const seed = 61_000 + round;
    const random = new Random(seed);
    const cloud = new RandomCloud(random);
    const { decider, commit, anew, revision, alike } = deciderOver(cloud, round % 2 === 0);
    for (let burst = 0; burst < 8; burst++) {
      const asked: Promise<{ readonly since: number; readonly answeredAt: number }>[] = [];
      for (let commits = random.integer(1, 6); commits > 0; commits--) {
        commit();
        for (let turns = random.integer(0, 2); turns > 0; turns--) await nextTurn();
        const since = revision();
        const questions = questionsOf(cloud, random);
        if (random.chance(0.4))
          asked.push(
            decider
              .decide({ tenant: undefined, viewer: undefined, questions })
              .then((answered) => ({ since, answeredAt: answered.revision })),
          );
      }
      const questions = questionsOf(cloud, random);
      // Behind the question, and before it is looked at.
      if (random.chance(0.5)) setImmediate(commit);
      const answered = await decider.decide({ tenant: undefined, viewer: undefined, questions });
      const wanted = await anew().decide({ tenant: undefined, viewer: undefined, questions });
      expect(answered, `seed ${seed}, burst ${burst}`).toEqual({ ...wanted, revision: revision() });
      decided += answered.answers.filter((answer) => answer.includes('"policy"')).length;
      const tooEarly = (await Promise.all(asked)).filter(({ since, answeredAt }) => answeredAt < since);
      expect(tooEarly, `seed ${seed}, burst ${burst}`).toEqual([]);
    }
    passedOver += alike();
  }
  expect(decided).toBeGreaterThan(500);
  expect(passedOver, 'VMs that only moved, started or stopped').toBeGreaterThan(10);
});
