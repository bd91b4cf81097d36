export default {
  testEnvironment: "<rootDir>/tests/support/environment.mjs",
  testMatch: ["<rootDir>/tests/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/tests/support/strip-types.mjs" },
  testTimeout: 60_000,
};
