/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/db', '<rootDir>/server', '<rootDir>/worker', '<rootDir>/web'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/web/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/web/dist', '<rootDir>/data'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/db/testing/strip-types.js' },
  globalSetup: '<rootDir>/db/testing/global-setup.ts',
  globalTeardown: '<rootDir>/db/testing/global-teardown.ts',
  // Two cores are the least that a machine has; each worker also keeps a few database sessions busy.
  maxWorkers: 2,
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/db/testing/summary-reporter.js'],
};
