import { defineConfig } from 'vitest/config';

/**
 * Suites share their worker's modules: loading the frameworks anew for each of them would take longer than all tests. What a suite
 * changes beyond its own objects (the clock, an environment variable, a method it watches) it puts back.
 */
export default defineConfig({
  test: {
    include: ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
    exclude: ['test/faults/**'],
    globals: true,
    globalSetup: ['test/support/global-setup.mjs'],
    setupFiles: ['test/support/quiet-library.ts'],
    pool: 'forks',
    isolate: false,
    // More than the smallest machine has processors: many suites wait for a clock, a file to settle or another process.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
