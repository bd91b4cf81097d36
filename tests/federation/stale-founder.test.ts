import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openNode } from "../../party-node/node-folder.ts";
import { type FederationTerms, openFederation } from "../../protocol/index.ts";
import { FederationByHand } from "../e2e/federation-by-hand.ts";
import { expectRefusal, sotto, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/*
 * Members join and replace keys where the founder is not. What the founder signs by an old file holds all the same, and the file comes up to date.
 */

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
let federation: FederationByHand;

beforeAll(async () => {
  federation = await FederationByHand.found({ folder: at(), members: { hub: "coordinator" } });
  mkdirSync(at("away", "founder"), { recursive: true });
  for (const name of ["federation.json", "federation-root.key"]) cpSync(at(name), at("away", "founder", name));
  await sottoOutput(["federation", "rotate-key", "--dir", federation.dir("hub")]);
}, 60_000);
afterAll(async () => {
  await federation[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const termsIn = (dir: string): FederationTerms =>
  openFederation(readFileSync(join(dir, "federation.json"), "utf8"), federation.rootKey).terms;
const keyOf = (name: string, { members }: FederationTerms): string | undefined =>
  members.find((member) => member.name === name)?.publicKey;
const invite = (name: string, dir: string) =>
  sotto(["federation", "invite", "--name", name, "--role", "querier", "--dir", dir]);
/** Until the coordinator has taken it up. */
async function publish(dir: string): Promise<void> {
  await sottoOutput([
    ...["federation", "join", join(dir, "federation.json"), "--root", federation.rootKey],
    ...["--dir", federation.dir("hub")],
  ]);
  const { revision } = termsIn(federation.dir("hub"));
  await federation.coordinator.printed(new RegExp(`"revision":${String(revision)},.*federation changed`));
}
const joinAs = (input: string, name: string) =>
  sotto(
    [
      ...["federation", "join", "-", "--dir", at(name)],
      ...["--coordinator-url", `ws://127.0.0.1:${String(federation.port)}`],
    ],
    { input },
  );

test("an invitation by a file from before the coordinator's new key is joined by, and joining brings the file up to date", async () => {
  const away = at("away", "founder");
  const now = keyOf("hub", termsIn(federation.dir("hub")));
  expect(keyOf("hub", termsIn(away))).not.toBe(now);
  const { stdout: line } = await invite("guest", away);
  expect(keyOf("hub", termsIn(away))).not.toBe(now);
  await publish(away);
  expect(keyOf("hub", termsIn(away))).toBe(now);
  expect((await joinAs(line, "guest")).stderr).toBe("");
  expect(openNode(at("guest")).federation.hasRole("guest", "querier")).toBe(true);
}, 60_000);

test("a founder whose nodes lie in its folder knows what they know, before it signs", async () => {
  expect((await invite("second", at())).code).toBe(0);
  const terms = termsIn(at());
  expect(keyOf("hub", terms)).toBe(keyOf("hub", termsIn(federation.dir("hub"))));
  expect(keyOf("guest", terms)).toBeDefined();
}, 60_000);

test("elsewhere it takes the coordinator's file up, says of when its own is, and who is asked to join says what to do", async () => {
  await publish(at());
  const away = at("away", "founder");
  const show = async () => sotto(["federation", "show", "--dir", away]);
  const before = await show();
  expect(before.stdout).toMatch(/newest entry +20\d\d-/);
  expect(before.stderr).toMatch(/This is the founder's file.*`sotto federation show --dir COORDINATOR`/);
  const refresh = ["federation", "join", join(federation.dir("hub"), "federation.json"), "--dir", away];
  expect(await sottoOutput(refresh)).toMatch(/is at revision \d+ now/);
  expect(termsIn(away)).toEqual(termsIn(federation.dir("hub")));
  expect(await sottoOutput(refresh)).toMatch(/has all of it already .*name its folder with --dir/);
}, 60_000);

test("a key that no replacement leads to is refused, with what to do", async () => {
  const key = Buffer.alloc(32, 9).toString("base64");
  // The same federation, another key of the hub's.
  const away = at("away", "founder");
  await sottoOutput(["federation", "add", "hub", "--key", key, "--role", "coordinator", "--dir", away]);
  const { stdout: line } = await invite("third", away);
  const { code, stderr } = await joinAs(line, "third");
  expect(stderr).toMatch(
    /^error HANDSHAKE_FAILED: .*Ask the founder for a new invitation.*`sotto federation join FILE`/,
  );
  expect(code).toBe(2);
  await expectRefusal(["federation", "show", "--dir", at("third")], { fault: "CONFIG_MISSING", says: /sotto init/ });
}, 60_000);
