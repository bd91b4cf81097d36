import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Outcome } from "../../simulations/security/wire/row.ts";
import { scenes } from "../../simulations/security/wire/active-attacks.ts";
import { toyLab } from "./toy-lab.ts";

/*
 * Every act of the table, on the product and where nothing protects.
 */

const lab = toyLab("active-attacks");
const outcomes = new Map<string, { readonly outcome: Outcome; readonly baseline: Outcome }>();
beforeAll(async () => {
  for (const { play } of scenes(lab))
    await play((row, outcome, baseline) => {
      outcomes.set(row.name, { outcome, baseline });
      return Promise.resolve();
    });
}, 60_000);
afterAll(() => lab[Symbol.asyncDispose]());

describe.each(scenes(lab).flatMap(({ rows }) => rows))("$who: $name", ({ name, expected, note }) => {
  test(`is ${expected}: ${note}`, () => {
    expect(outcomes.get(name)!.outcome).toEqual({ got: expected === "open", note });
  });

  test("succeeds where nothing protects", () => {
    expect(outcomes.get(name)!.baseline.got).toBe(true);
  });
});

test("no two acts have one name", () => {
  expect(outcomes.size).toBe(scenes(lab).flatMap(({ rows }) => rows).length);
});
