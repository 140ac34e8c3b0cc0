import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { Verification } from '../../policies/verify/index.ts';
import { StandingFindings } from '../../src/inquiry/lint/standing-findings.ts';
import { RandomCloud } from '../policies/random-cloud.ts';

/** Every step of the work is a slice of its own, so that commits come between any two. */
function alwaysLate(): { nowMs(): number } {
  let nowMs = 0;
  return { nowMs: () => (nowMs += 1_000) };
}

function standingOver(cloud: RandomCloud) {
  let revision = 0;
  const { documents } = cloud;
  const snapshot = () => ({
    get: documents.get.bind(documents),
    list: documents.list.bind(documents),
    revision,
  });
  const findings = new StandingFindings({
    snapshot,
    clock: alwaysLate(),
    onProblem: (reason) => {
      throw reason;
    },
  });
  const commit = (): void => {
    const change = cloud.mutate();
    revision++;
    findings.committed(change);
  };
  return { findings, commit, revision: () => revision };
}

function anew(cloud: RandomCloud): Verification {
  const verification = new Verification(cloud.documents);
  for (const _ of verification.work());
  return verification;
}

test('what is kept up to date is what is found anew, whenever documents change and whoever asks meanwhile', async () => {
  let found = 0;
  for (let round = 0; round < 12; round++) {
    const seed = 52_000 + round;
    const random = new Random(seed);
    const cloud = new RandomCloud(random);
    const { findings, commit, revision } = standingOver(cloud);
    for (let burst = 0; burst < 12; burst++) {
      const asked = [findings.ofOwners(() => true, 5), findings.ofPolicies([{ tenant: 't0', name: 'p0' }], 3)];
      for (let commits = random.integer(1, 6); commits > 0; commits--) {
        for (let turns = random.integer(0, 40); turns > 0; turns--) await nextTurn();
        commit();
      }
      await Promise.all(asked);
      const recomputed = anew(cloud);
      const all = await findings.ofOwners(() => true, 1_000);
      expect(all, `seed ${seed}, burst ${burst}`).toEqual({ revision: revision(), isSettled: true, ...recomputed.ofOwner(null, 1_000) });
      for (const { document } of cloud.documents.list('Policy')) {
        const { tenant, name } = document.metadata;
        const [own] = await findings.ofPolicies([{ tenant, name }], 100);
        expect(own, `seed ${seed}, burst ${burst}, ${tenant}/${name}`).toMatchObject(recomputed.ofPolicy(tenant, name, 100));
      }
      found += all.shadowed.count + all.conflicts.count;
    }
  }
  expect(found).toBeGreaterThan(100);
});

test('owners are told apart, and lists are as long as wanted', async () => {
  const cloud = new RandomCloud(new Random(7));
  const { findings, commit } = standingOver(cloud);
  for (let step = 0; step < 60; step++) commit();
  const owners = [undefined, 't0', 't1', 't2'];
  const each = await Promise.all(owners.map((owner) => findings.ofOwners((other) => other === owner, 1_000)));
  const all = await findings.ofOwners(() => true, 1_000);
  for (const [index, owner] of owners.entries()) {
    const rules = [
      ...(each[index]?.shadowed.items ?? []).map(({ rule }) => rule),
      ...(each[index]?.conflicts.items ?? []).map(({ first }) => first),
    ];
    expect(rules.every(({ tenant }) => tenant === owner)).toBe(true);
  }
  for (const what of ['shadowed', 'conflicts'] as const) {
    expect(each.reduce((sum, findingsOfOne) => sum + findingsOfOne[what].count, 0)).toBe(all[what].count);
    expect(all[what].items.length).toBe(all[what].count);
    for (const max of [0, 1, 3, all[what].count]) {
      const few = await findings.ofOwners(() => true, max);
      expect(few[what]).toEqual({ items: all[what].items.slice(0, max), count: all[what].count });
    }
  }
  expect(all.shadowed.count * all.conflicts.count).toBeGreaterThan(0);
});

test('what breaks off is told to who asked, and found anew for the next', async () => {
  const cloud = new RandomCloud(new Random(11));
  const { documents } = cloud;
  let isBroken = true;
  const reasons: unknown[] = [];
  const list: typeof documents.list = (kind, tenant) => {
    if (isBroken && kind === 'Vm') throw new Error('unreadable');
    return documents.list(kind, tenant);
  };
  const get: typeof documents.get = (kind, tenant, name) => {
    if (isBroken && kind === 'Group') throw new Error('unreadable');
    return documents.get(kind, tenant, name);
  };
  const findings = new StandingFindings({
    snapshot: () => ({ get, list, revision: 1 }),
    clock: alwaysLate(),
    onProblem: (reason) => void reasons.push(reason),
  });
  for (let step = 0; step < 60; step++) cloud.mutate();
  await expect(findings.ofOwners(() => true, 10)).rejects.toThrow('unreadable');
  await expect(findings.ofPolicies([{ tenant: 't0', name: 'p0' }], 10)).rejects.toThrow('unreadable');
  isBroken = false;
  expect(await findings.ofOwners(() => true, 1_000)).toEqual({ revision: 1, isSettled: true, ...anew(cloud).ofOwner(null, 1_000) });
  isBroken = true;
  for (let step = 0; step < 60; step++) findings.committed(cloud.mutate());
  await expect.poll(() => reasons.length, { timeout: 10_000 }).toBeGreaterThan(0);
  isBroken = false;
  expect(await findings.ofOwners(() => true, 1_000)).toEqual({ revision: 1, isSettled: true, ...anew(cloud).ofOwner(null, 1_000) });
});
