import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';

/**
 * Short files that take long: they start servers one after the other, or wait for what happens every few seconds. Vitest begins with
 * the largest files, so these would be the last, with nothing beside them.
 */
const FIRST = [
  'test/security/durability', 'test/security/budget-race', 'test/security/key-rotation', 'test/security/key-revocation', 'test/security/kill-switch-scale',
  'test/api/signal-delivery', 'test/api/first-start', 'test/browser/first-start', 'test/architecture/migrations',
  'src/modules/scopes/scope-file.service', 'src/platform/database/embedded-database', 'src/modules/audit/checkpoint-delivery',
].map((name) => resolve(import.meta.dirname, `${name}.spec.ts`));

class LongestFirst extends BaseSequencer {
  async sort(files) {
    const sorted = await super.sort(files);
    const isFirst = ({ moduleId }) => FIRST.includes(moduleId);
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  }
}

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
    sequence: { sequencer: LongestFirst },
    // More than the smallest machine has processors: many suites wait for a clock, a file to settle or another process.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
