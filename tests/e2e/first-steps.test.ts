import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sotto } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { FederationByHand } from "./federation-by-hand.ts";

/*
 * What somebody who uses it for the first time gets wrong, and is told.
 */

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
let federation: FederationByHand;

beforeAll(async () => {
  const members = { hub: "coordinator", desk: "party,querier", clinic: "party" };
  federation = await FederationByHand.found({ folder: folder.path, members });
});
afterAll(async () => {
  await federation[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test.each(["query", "ask"])("sotto %s where no node runs: nobody answered, and what to start", async (command) => {
  const dir = federation.dir("desk");
  const { code, stdout, stderr } = await sotto([command, "when is it due", "--dir", dir]);
  expect(stdout).toMatch(
    /^\nNobody answered, so nothing was searched\. (desk|clinic): .*; (desk|clinic): .*not connected/,
  );
  expect(stdout).not.toMatch(/No passages/);
  expect(stderr).toContain(
    `desk is this node itself: what serves its documents is not running. Start it in a terminal of its own: sotto node --dir ${dir}`,
  );
  expect(code).toBe(4);
});

test("a node without documents has answered, and has none", async () => {
  await using node = await federation.serve("desk");
  const dir = federation.dir("desk");
  const { code, stdout, stderr } = await sotto(["query", "when is it due", "--dir", dir]);
  expect(stdout).toMatch(
    /^\nNo passages: those who answered have none for this\. Not searched: clinic: .*not connected/,
  );
  expect(stderr).not.toContain("this node itself");
  expect(code).toBe(4);
  await node.stop();
});

test("a command in the wrong folder names the right ones", async () => {
  const { code, stderr } = await sotto(["query", "anything"], { cwd: folder.path });
  expect(stderr).toMatch(
    /^error CONFIG_MISSING: \S+ does not exist; there is a node in a folder below: add --dir clinic or --dir desk or --dir hub\n/,
  );
  expect(code).toBe(2);
  const empty = at("empty");
  mkdirSync(empty, { recursive: true });
  const lost = await sotto(["ingest", "."], { cwd: empty });
  expect(lost.stderr).toMatch(/`sotto federation join - --dir DIR`.*`sotto init NAME --dir DIR`/);
});

test("what comes next is said with the folder that it is about", async () => {
  const join = ["federation", "join", federation.file, "--root", federation.rootKey, "--dir", "clinic"];
  const here = ["--coordinator-url", `ws://127.0.0.1:${String(federation.port)}`];
  const { stdout } = await sotto([...join, ...here], { cwd: folder.path });
  expect(stdout).toMatch(/Next: `sotto ingest PATH --dir clinic`, then `sotto node --dir clinic`\.\n$/);
});

test("an empty folder is said to be empty, and one passage is one", async () => {
  const documents = at("documents");
  mkdirSync(documents);
  const dir = federation.dir("desk");
  const empty = await sotto(["ingest", documents, "--dir", dir]);
  expect(empty.stderr).toMatch(/^nothing to read in \S+documents: no files ending in \.jsonl, /m);
  expect(empty.code).toBe(0);
  writeFileSync(join(documents, "a.txt"), "One sentence.");
  const { stdout, stderr } = await sotto(["ingest", documents, "--dir", dir]);
  expect(stdout).toMatch(/^1 passage encoded .*; 1 passage in the store\n$/);
  expect(stderr).not.toMatch(/nothing to read/);
});
