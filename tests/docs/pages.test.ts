import { expect, test } from "@jest/globals";
import { join } from "node:path";
import { repository } from "../support/cli.ts";
import { readPage } from "./page.ts";
import { type Printed, Walk } from "./walk.ts";

const corpus = (name: string): string => join(repository, "demo", "corpora", name);

/** Every question of a page must have found something. */
function expectAnswers(printed: readonly Printed[]): void {
  const asked = printed.filter(({ step }) => step.command.startsWith("sotto query"));
  expect(asked.length).toBeGreaterThan(0);
  for (const { stdout } of asked) expect(stdout).toMatch(/^\[1\] /m);
}

test("quick-start.md: what it says works, on one machine", async () => {
  await using walk = new Walk({ documents: { "": corpus("riverside-hospital") } });
  expectAnswers(await walk.follow(readPage("quick-start.md")));
}, 180_000);
