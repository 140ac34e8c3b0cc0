import { defineConfig } from 'vitest/config';

// What needs real Open vSwitch waits more than it computes, so two files of it run beside each other on two cores. Each has switches,
// namespaces and addresses of its own. More would measure the machine's scheduler.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/integration/**'], testTimeout: 60_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
