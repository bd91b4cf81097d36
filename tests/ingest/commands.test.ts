import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CitedPassage } from "../../party-node/asking/index.ts";
import { FederationByHand } from "../e2e/federation-by-hand.ts";
import { Cli, sotto, sottoOutput } from "../support/cli.ts";
import { type DocumentFixture, oneOfEach } from "../support/document-fixtures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const documents = join(folder.path, "documents");
let federation: FederationByHand;
let fixtures: DocumentFixture[];

beforeAll(async () => {
  mkdirSync(documents);
  fixtures = await oneOfEach();
  for (const { name, bytes } of fixtures) writeFileSync(join(documents, name), bytes);
  federation = await FederationByHand.found({
    folder: folder.path,
    members: { hub: "coordinator", clinic: "party,querier" },
  });
});

afterAll(async () => {
  await federation[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const dir = (): string => federation.dir("clinic");

async function ask(question: string, ...more: string[]): Promise<string> {
  return await sottoOutput(["query", question, "-k", "1", "--dir", dir(), ...more]);
}

test("documents of every format are ingested, followed, and cited by their place", async () => {
  writeFileSync(join(documents, "broken.pdf"), "no PDF");
  const first = await sotto(["ingest", documents, "--json", "--dir", dir()]);
  expect(first.code).toBe(3);
  expect(JSON.parse(first.stdout)).toMatchObject({
    documents: { added: fixtures.length },
    reasons: { DAMAGED: 1 },
    named: [{ file: join(documents, "broken.pdf"), reason: "DAMAGED" }],
  });
  expect(first.stderr).toContain(`DAMAGED: ${join(documents, "broken.pdf")}: `);
  expect(first.stderr).toContain("not everything could be read: 1 DAMAGED; named above");

  await using node = await federation.serve("clinic");
  const { says, place } = fixtures.find(({ name }) => name === "survey.pdf")!;
  const { passages } = JSON.parse(await ask(says, "--json")) as { passages: CitedPassage[] };
  expect(passages).toMatchObject([{ documentId: "survey.pdf", place, offset: expect.any(Number) }]);
  expect(await ask(says)).toContain("[1] clinic · survey.pdf · page 3  score");

  rmSync(join(documents, "broken.pdf"));
  await using watching = new Cli(["ingest", documents, "--watch", "--json", "--dir", dir()]);
  await watching.printed(/watching for changes/);
  writeFileSync(join(documents, "later.csv"), "animal,lives in\nquokka,Rottnest\n");
  rmSync(join(documents, "survey.pdf"));
  await watching.printed(/"added":1/);
  await watching.printed(/"removed":1/);
  let found = "";
  while (!found.includes("later.csv")) found = await ask("animal: quokka; lives in: Rottnest");
  expect(found).toContain("[1] clinic · later.csv · row 2  score");
  expect(await ask(says)).not.toContain("survey.pdf");
  expect(await watching.stop()).toMatchObject({ code: 0, signal: null });
  expect(await node.stop()).toMatchObject({ code: 0 });
}, 60_000);
