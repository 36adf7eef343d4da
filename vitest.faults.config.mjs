import { defineConfig } from 'vitest/config';

/**
 * `npm run test:faults`: what happens when something that the server depends on goes away under load. These suites take
 * minutes and start servers of their own, so they run by themselves and one at a time.
 */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.spec.ts'],
    globals: true,
    globalSetup: ['test/support/global-build.mjs'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
