import { test } from "@jest/globals";

/** Whether SOTTO_TESTS=all asks for every test. */
export const isLongRun = process.env["SOTTO_TESTS"] === "all";

/** A test of which another is the short form: skipped by its name unless all are asked for. */
export const longTest = isLongRun ? test : test.skip;
