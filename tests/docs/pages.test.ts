import { expect, test } from "@jest/globals";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { hasOpenssl } from "../support/authority.ts";
import { repository } from "../support/cli.ts";
import { readPage } from "./page.ts";
import { type Printed, Walk } from "./walk.ts";

const corpus = (name: string): string => join(repository, "demo", "corpora", name);

/** Pages that a test below follows. */
const walked = new Set(["quick-start.md", "three-organisations.md"]);
/** Pages of measurements, whose commands take minutes, and pages that have tests of their own. */
const OTHERS = new Set([
  ...["codes.md", "hashvfl.md", "poisoning.md", "routing.md", "scale.md", "sealing.md"],
  ...["documents.md", "asking.md", "integrations.md", "console.md"],
]);

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

(hasOpenssl() ? test : test.skip)(
  "three-organisations.md: from certificates to a member that leaves",
  async () => {
    await using walk = new Walk({
      documents: { hospital: corpus("riverside-hospital"), bank: corpus("northgate-bank") },
    });
    const printed = await walk.follow(readPage("three-organisations.md"));
    expectAnswers(printed);
    const roots = printed
      .filter(({ step }) => step.command.startsWith("sotto federation show"))
      .map(({ stdout }) => /root key +(\S+)/.exec(stdout)?.[1]);
    expect(roots).toHaveLength(2);
    expect(roots[0]).toBe(roots[1]);
    const asked = printed.filter(({ step }) => step.command.startsWith("sotto query"));
    expect(asked[0]?.stderr).toMatch(/answered +bank/);
    // The coordinator looks at its file every half second or so.
    for (let { stderr } = asked[1] ?? { stderr: "bank" }; stderr.includes("bank");)
      ({ stderr } = await walk.run((asked[1] as Printed).step));
  },
  180_000,
);

test("every page's commands are run, but for illustrations that say why not", () => {
  const pages = readdirSync(join(repository, "docs")).filter((name) => name.endsWith(".md"));
  const unknown = pages.filter((name) => readPage(name).steps.length > 0 && !walked.has(name) && !OTHERS.has(name));
  expect(unknown).toEqual([]);
  for (const name of walked) {
    const { steps, illustrations } = readPage(name);
    expect(steps.length).toBeGreaterThan(illustrations.length);
    for (const { why } of illustrations) expect(why.trim().length).toBeGreaterThan(10);
  }
});
