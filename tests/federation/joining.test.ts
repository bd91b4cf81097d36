import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sodium } from "../../crypto/index.ts";
import { openNode } from "../../party-node/node-folder.ts";
import { openFederation, writeInvitation } from "../../protocol/index.ts";
import { FederationByHand } from "../e2e/federation-by-hand.ts";
import { Authority, hasOpenssl } from "../support/authority.ts";
import { expectRefusal, repository, sotto, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/*
 * `sotto federation invite` and `join` as people use them: what is wrong is said first and in its own words, and leaves nothing behind.
 */

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
let federation: FederationByHand;
let here: string[];

beforeAll(async () => {
  federation = await FederationByHand.found({ folder: folder.path, members: { hub: "coordinator" } });
  here = ["--coordinator-url", `ws://127.0.0.1:${String(federation.port)}`];
}, 60_000);
afterAll(async () => {
  await federation[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const invite = async (name: string): Promise<string> =>
  (await sottoOutput(["federation", "invite", "--name", name, "--role", "querier", "--dir", folder.path])).trim();
/** Until the coordinator has taken it up. */
async function publish(): Promise<void> {
  await sottoOutput([
    "federation",
    "join",
    federation.file,
    "--root",
    federation.rootKey,
    "--dir",
    federation.dir("hub"),
  ]);
  const { revision } = openFederation(readFileSync(federation.file, "utf8"), federation.rootKey).terms;
  await federation.coordinator.printed(new RegExp(`"revision":${String(revision)},.*federation changed`));
}
const joining = (what: string, dir: string, ...more: string[]): string[] => [
  ...["federation", "join", what, "--dir", dir],
  ...here,
  ...more,
];

test("an invitation in a file, wrapped in copying, is taken; the coordinator says who has joined", async () => {
  const line = await invite("guest");
  await publish();
  writeFileSync(at("guest.invitation"), `\n  ${line.replaceAll(/(.{70})/g, "$1\r\n")}\u200b\n`);
  await sottoOutput(joining(at("guest.invitation"), at("guest")));
  await federation.coordinator.printed(/"member":"guest","msg":"joined by invitation"/);
  expect(openNode(at("guest")).federation.hasRole("guest", "querier")).toBe(true);
});

test("one that is empty, damaged or something else says so, without quoting it", async () => {
  const line = await invite("spoilt");
  const said = async (input: string): Promise<string> => {
    const { code, stderr } = await sotto(joining("-", at("never")), { input });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error INVITATION_MALFORMED: /);
    expect(stderr).not.toContain(line.slice(40, 60));
    return stderr;
  };
  const [empty, other, foreign, short, joined] = await Promise.all([
    said(" \n"),
    said("hello"),
    said(line.replace(/(.{60})./, "$1\u00e9")),
    said(line.slice(0, 90) + line.slice(94)),
    sotto(joining(line.slice(1), at("never"))),
  ]);
  expect(empty).toMatch(/there is no invitation/);
  expect(other).toMatch(/this is no invitation, which begins with sotto-invitation-/);
  expect(foreign).toMatch(/has 1 characters that none has/);
  expect(short).toMatch(new RegExp(`has ${String(line.length - 4)} characters, of which some are missing`));
  expect(joined.stderr).toMatch(/INVITATION_MALFORMED/);
  expect(joined.stderr).not.toContain(line.slice(40, 60));
  expect(existsSync(at("never"))).toBe(false);
});

test("one whose time has passed is said to be that before anything else is looked at", async () => {
  const { log } = openFederation(readFileSync(federation.file, "utf8"), federation.rootKey);
  const expires = new Date(Date.now() - 1000).toISOString();
  writeFileSync(at("late"), writeInvitation(log.state, { name: "late", expires }, sodium.randombytes_buf(32)));
  await expectRefusal(joining(at("late"), at("late-node"), "--ca", at("nowhere.pem")), {
    fault: "INVITATION_EXPIRED",
    says: new RegExp(`until ${expires}, .* ask the founder for a new one`),
  });
  expect(existsSync(at("late-node"))).toBe(false);
});

test("a join that fails leaves no folder and no key, and what was there before stays", async () => {
  writeFileSync(at("unlucky"), await invite("unlucky"));
  const nobody = ["federation", "join", at("unlucky"), "--coordinator-url", "ws://127.0.0.1:1", "--dir"];
  await Promise.all([
    expectRefusal([...nobody, at("new", "deep")], { fault: "CONNECTION_REFUSED", says: /is it running/ }),
    expectRefusal([...nobody, at("other"), "--ca", at("nowhere.pem")], {
      fault: "AUTHORITY_MISSING",
      says: /nowhere\.pem cannot be read.*from whoever runs the coordinator/,
    }),
  ]);
  expect(existsSync(at("new"))).toBe(false);
  expect(existsSync(at("other"))).toBe(false);
  await sottoOutput(["init", "unlucky", "--dir", at("mine")]);
  const key = readFileSync(at("mine", "node.key"));
  await expectRefusal([...nobody, at("mine")], { fault: "CONNECTION_REFUSED", says: /is it running/ });
  expect(readFileSync(at("mine", "node.key"))).toEqual(key);
}, 60_000);

(hasOpenssl() ? test : test.skip)("an authority's file is copied into the node's folder", async () => {
  using authority = new Authority();
  writeFileSync(at("careful"), await invite("careful"));
  await publish();
  const dir = at("careful-node");
  await sottoOutput(joining(at("careful"), dir, "--ca", authority.path));
  expect(openNode(dir).folder.config.ca).toBe("coordinator-ca.pem");
  expect(readFileSync(join(dir, "coordinator-ca.pem"), "utf8")).toBe(authority.pem);
  expect(openNode(dir).ca).toBe(authority.pem);
});

test("inviting: a file is for its owner alone, the time is shown as it is given, and nobody answering is said", async () => {
  const file = openSync(at("to-file"), "w", 0o644);
  const args = ["federation", "invite", "--name", "filed", "--role", "querier", "--dir", folder.path];
  const { status, stderr } = spawnSync(process.execPath, [join(repository, "cli", "main.ts"), ...args], {
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", file, "pipe"],
    encoding: "utf8",
  });
  closeSync(file);
  expect(status).toBe(0);
  expect(readFileSync(at("to-file"), "utf8")).toMatch(/^sotto-invitation-\S+\n$/);
  expect(statSync(at("to-file")).mode & 0o777).toBe(0o600);
  // The founder's file names a port where nothing listens here.
  expect(stderr).toMatch(/No coordinator can be reached from here at ws:\/\/127\.0\.0\.1:7400: nobody can join before/);
  expect(await sottoOutput(["federation", "invite", "--help"])).toMatch(/12h, 7d \(default: 7d\)/);
});

test("inviting where a coordinator answers says nothing of it; without a coordinator it is refused", async () => {
  const dir = at("young");
  mkdirSync(dir);
  await sottoOutput(["federation", "create", "Young", ...here, "--dir", dir]);
  const args = ["federation", "invite", "--name", "guest", "--role", "querier", "--dir", dir];
  await expectRefusal(args, { fault: "COORDINATOR_MISSING", says: /sotto federation add hub --key KEY/ });
  const key = Buffer.alloc(32, 9).toString("base64");
  await sottoOutput(["federation", "add", "hub", "--key", key, "--role", "coordinator", "--dir", dir]);
  const { code, stderr } = await sotto(args);
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/No coordinator/);
});
