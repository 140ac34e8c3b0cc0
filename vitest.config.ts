import { defineConfig } from 'vitest/config';

/** What is waited for comes soon; on a machine that is busy it may take its time. */
const expecting = { poll: { interval: 25, timeout: 60_000 } };

// What needs real Open vSwitch waits more than it computes, so two files of it run beside each other on two cores. Each has switches,
// namespaces and addresses of its own. More would measure the machine's scheduler.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          maxWorkers: 2,
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/simulation/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: expecting,
        },
      },
      { test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'] } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 480_000,
          expect: expecting,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
