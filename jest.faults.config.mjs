import usual from './jest.config.mjs';

/**
 * `npm run test:faults`: what happens when something that the server depends on goes away under load. These suites take
 * minutes and start servers of their own, so they run by themselves and one at a time.
 *
 * @type {import('jest').Config}
 */
export default {
  ...usual,
  testMatch: ['<rootDir>/test/faults/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/test/support/global-build.mjs',
  globalTeardown: undefined,
  testTimeout: 180_000,
  maxWorkers: 1,
};
