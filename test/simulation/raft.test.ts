import { expect, test } from 'vitest';
import { simulate } from './simulated-cluster.ts';

const seeds = Number(process.env['SEEDS'] || 1_000);
const firstSeed = Number(process.env['FIRST_SEED'] || 1);
const steps = Number(process.env['STEPS'] || 3_000);

/** In parts, so that progress shows, and what is broken with its seed. */
const parts = Array.from({ length: Math.ceil(seeds / 250) }, (_, part) => firstSeed + part * 250);

test.each(parts)('histories of clusters that break, from seed %i', { timeout: 3_600_000 }, (first) => {
  let writes = 0;
  let crashes = 0;
  let membershipChanges = 0;
  for (let seed = first; seed < Math.min(first + 250, firstSeed + seeds); seed++) {
    try {
      const report = simulate({ seed, voters: ([3, 5, 7] as const)[seed % 3] ?? 3, steps });
      expect(report.steps).toBeGreaterThanOrEqual(steps);
      writes += report.writes;
      crashes += report.crashes;
      membershipChanges += report.membershipChanges;
    } catch (cause) {
      throw new Error(`make simulate FIRST_SEED=${seed} SEEDS=1 STEPS=${steps} shows it again`, { cause });
    }
  }
  // A single short history may be without any of them.
  expect(seeds < 250 || Math.min(writes, crashes, membershipChanges) > 0).toBe(true);
});
