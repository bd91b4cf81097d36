import { expect, test } from "@jest/globals";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { hasOpenssl } from "../support/authority.ts";
import { repository } from "../support/cli.ts";
import { modeFigures } from "./mode-figures.ts";
import { readPage } from "./page.ts";
import { type Printed, Walk } from "./walk.ts";
import { workedExample } from "./worked-example.ts";

const corpus = (name: string): string => join(repository, "demo", "corpora", name);

/** Pages that a test below follows. */
const walked = new Set([
  "quick-start.md",
  "three-organisations.md",
  "choosing-a-mode.md",
  "operating.md",
  "encoders.md",
]);
/** Pages of measurements, whose commands take minutes, and pages that have tests of their own. */
const OTHERS = new Set([
  ...["codes.md", "hashvfl.md", "poisoning.md", "routing.md", "scale.md", "sealing.md"],
  ...["hosted-collections.md", "performance.md", "vertical.md"],
  ...["documents.md", "asking.md", "integrations.md", "console.md"],
]);

/** Pages that are written elsewhere at the same time. */
const UNWRITTEN = new Set(["console.md"]);

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

/** The federation that the pages for those who have one begin with. */
const FOUNDING = [
  ["hub", "sotto init hub"],
  ["hub", 'sotto federation create "Pages" --coordinator-url ws://hub.example:7400'],
  ["hub", "sotto federation add hub --key HUB_KEY --role coordinator"],
  ...Object.entries({ clinic: "party,querier", host: "party", library: "querier" }).map(([name, roles]) => [
    "hub",
    `sotto federation invite --name ${name} --role ${roles} > invitation && mkdir -p ../${name} && mv invitation ../${name}`,
  ]),
  ["hub", "sotto federation join federation.json --root ROOT_KEY --dir hub"],
  ["hub", "sotto coordinator --dir hub"],
  ...["clinic", "host", "library"].map((name) => [name, `sotto federation join - --dir ${name} < invitation`]),
  ["clinic", "sotto ingest documents --dir clinic"],
  ["clinic", "sotto node --dir clinic"],
  ["host", "sotto node --host-for clinic --dir host"],
].map(([machine = "", command = ""]) => ({ machine, command, line: 0 }));

test("operating.md, choosing-a-mode.md and encoders.md, in a federation that exists", async () => {
  await using walk = new Walk({ documents: { clinic: corpus("riverside-hospital") } });
  for (const step of FOUNDING) await walk.run(step);
  expectAnswers(await walk.follow(readPage("choosing-a-mode.md")));
  await walk.follow(readPage("encoders.md"));
  const operated = await walk.follow(readPage("operating.md"), async ({ machine, command }) => {
    if (/^(tar|mkdir restored)/.test(command)) await walk.stop(machine);
  });
  const verified = operated.filter(({ step }) => step.command.startsWith("sotto audit verify"));
  expect(verified).toHaveLength(2);
}, 180_000);

test("choosing-a-mode.md shows the report's figures", () => {
  const { text } = readPage("choosing-a-mode.md");
  const table = modeFigures().map((cells) => `| ${cells.join(" | ")} |`);
  expect(text.split("\n").filter((line) => line.includes("](security-evaluation.md#"))).toEqual(table);
});

test("cryptography.md's example is computed from its definitions", () => {
  const { text } = readPage("cryptography.md");
  const shown = text.split("\n").filter((line) => /^[A-Za-z]+\d? = \(/.test(line));
  expect(shown).toEqual(workedExample());
});

test("links between the pages lead to a page and a heading", () => {
  const anchor = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\d _-]/gu, "")
      .replaceAll(" ", "-");
  const headings = (path: string): string[] =>
    [...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchor(heading));
  const broken = [...walked, "README.md", "faq.md", "comparison.md", "cryptography.md"].flatMap((name) =>
    [...readPage(name).text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
      .filter(([, path = "", heading]) => {
        if (UNWRITTEN.has(path)) return false;
        const target = join(repository, "docs", path || name);
        return !existsSync(target) || (heading !== undefined && !headings(target).includes(heading));
      })
      .map(([link]) => `${name}: ${link}`),
  );
  expect(broken).toEqual([]);
});

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
