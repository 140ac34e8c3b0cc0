import { defineConfig } from 'vitest/config';

// Unit and property tests run beside each other; what needs real Open vSwitch runs one file at a time, because a machine of two
// cores that runs four switches at once measures its own scheduler.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/integration/**'], testTimeout: 60_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
