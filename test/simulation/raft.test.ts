import { expect, test } from 'vitest';
import { simulate } from './simulated-cluster.ts';

const seeds = Number(process.env['SEEDS'] ?? 1_000);
const firstSeed = Number(process.env['FIRST_SEED'] ?? 1);

test(`${seeds} histories of clusters that break`, { timeout: 3_600_000 }, () => {
  let steps = 0;
  let writes = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    try {
      const report = simulate({ seed, voters: ([3, 5, 7] as const)[seed % 3] ?? 3, steps: 3_000 });
      steps += report.steps;
      writes += report.writes;
    } catch (cause) {
      throw new Error(`seed ${seed}: make simulate FIRST_SEED=${seed} SEEDS=1`, { cause });
    }
  }
  expect(steps).toBeGreaterThan(seeds * 3_000 - 1);
  expect(writes).toBeGreaterThan(seeds);
});
