import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    // Most of the time tests wait for sockets and deadlines, not for a core.
    maxWorkers: 4,
    // No test changes what its modules share; starting each file anew would cost half of the time.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
