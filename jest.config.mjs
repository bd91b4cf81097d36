export default {
  testEnvironment: "<rootDir>/tests/support/environment.mjs",
  testMatch: ["<rootDir>/tests/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/tests/support/strip-types.mjs" },
  // Most tests wait for processes and sockets: two at a time, also where there are two cores, where jest would take one.
  maxWorkers: 2,
  testTimeout: 180_000,
};
