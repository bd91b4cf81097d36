import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { CitedPassage, PartyOutcome } from "../../index.ts";
import { startPglite } from "../sealed-store/pglite.ts";
import { Cli, type Finished, expectNoSecrets, sotto } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { FederationByHand } from "./federation-by-hand.ts";
import { isLongRun, longTest } from "../support/long.ts";

const DOCUMENTS: Readonly<Record<string, string>> = {
  warfarin: "Warfarin may be restarted on day seven, when haemoglobin has stayed above eighty.",
  handover: "The night handover takes place in the ward office at eight, with every chart open.",
  fridge: "Insulin in use keeps for four weeks outside the fridge; write the opening date on it.",
};
const PASSPHRASE = "seven grey herons";
const folder = temporaryFolder();
const documents = join(folder.path, "documents");
let federation: FederationByHand;
const running: Cli[] = [];

type Environment = Readonly<Record<string, string>>;

/** Runs a command as a member. */
const as = (member: string, args: readonly string[], env: Environment = {}): Promise<Finished> =>
  sotto([...args, "--dir", federation.dir(member)], { env: { SOTTO_PASSPHRASE: "", ...env } });

async function done(member: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await as(member, args);
  if (code !== 0) throw new Error(`${args.join(" ")} exited with ${String(code)}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

async function refused(member: string, args: readonly string[], fault: string, says: RegExp): Promise<void> {
  const { code, stdout, stderr } = await as(member, args);
  expect(stderr).toMatch(new RegExp(`^error ${fault}: `, "m"));
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/bug in Sotto|\n\s+at /);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
}

interface Answer {
  readonly code: number | null;
  readonly passages: readonly CitedPassage[];
  readonly parties: readonly PartyOutcome[];
}

async function ask(member: string, question: string, env: Environment = {}): Promise<Answer> {
  const { code, stdout, stderr } = await as(member, ["query", question, "--json", "-k", "2"], env);
  if (stdout === "") throw new Error(`no answer: ${stderr}`);
  return { code, ...(JSON.parse(stdout) as Omit<Answer, "code">) };
}

const outcomeOf = ({ parties }: Answer, collection: string): PartyOutcome | undefined =>
  parties.find((outcome) => outcome.collection?.name === collection);
const create = (name: string, ...more: string[]): string[] => [
  "collection",
  "create",
  name,
  "--host",
  "hoster",
  "--mode",
  "outsourced",
  ...more,
];
/** Names in a member's list of collections. */
const listed = async (member: string): Promise<string[]> =>
  (JSON.parse(await done(member, "collection", "list", "--json")) as { name: string }[]).map(({ name }) => name);
const ledgers = (member: string): string[] => {
  const path = join(federation.dir(member), "collections");
  return existsSync(path) ? readdirSync(path).sort() : [];
};

async function serve(name: string, args: readonly string[] = [], env: Environment = {}): Promise<Cli> {
  const node = new Cli(["node", "--dir", federation.dir(name), ...args], { env });
  running.push(node);
  await node.printed(/"serving"/);
  return node;
}

beforeAll(async () => {
  federation = await FederationByHand.found({
    folder: folder.path,
    members: {
      hub: "coordinator",
      hoster: "party",
      ward: "party",
      archive: "party",
      clinic: "querier",
      lab: "querier",
      office: "querier",
    },
  });
  mkdirSync(documents);
  for (const [name, text] of Object.entries(DOCUMENTS)) writeFileSync(join(documents, `${name}.txt`), text);
  await Promise.all([serve("hoster", ["--host-for", "clinic,lab"]), serve("ward"), serve("archive")]);
});

afterAll(async () => {
  await Promise.all([...running, federation].map((one) => one[Symbol.asyncDispose]()));
  folder[Symbol.dispose]();
});

// The other mode's short form is host-leak.test.ts.
describe.each(["outsourced", ...(isLongRun ? ["double"] : [])])("an %s collection", (mode) => {
  const name = `notes-${mode}`;

  test("is made, filled, asked and listed by its owner", async () => {
    const made = await done(
      "clinic",
      "collection",
      "create",
      name,
      "--mode",
      mode,
      "--host",
      "hoster",
      "--beta",
      "0.5",
    );
    expect(made).toMatch(
      new RegExp(`^"${name}" is at hoster \\(${mode}, beta 0.5 of the largest norm\\); its key is in `),
    );
    expect(made).toContain(`Next: sotto ingest PATH --collection ${name} --dir ${federation.dir("clinic")}`);
    const empty = await ask("clinic", "when may warfarin be restarted");
    expect(empty.code).toBe(4);
    expect(outcomeOf(empty, name)).toMatchObject({ status: "missing", fault: { code: "COLLECTION_NOT_FILLED" } });

    const filled = await done("clinic", "ingest", documents, "--collection", name);
    expect(filled).toMatch(
      /3 added, 0 changed.*3 passages in the store\nhoster has 3 rows: 3 sealed and sent, 0 removed/,
    );
    const answer = await ask("clinic", "when may warfarin be restarted");
    expect(answer.code).toBe(0);
    expect(answer.passages[0]).toMatchObject({
      party: "clinic",
      collection: name,
      documentId: "warfarin.txt",
      text: DOCUMENTS["warfarin"],
    });
    expect(outcomeOf(answer, name)).toMatchObject({
      party: "clinic",
      status: "answered",
      passagesScored: 3,
      collection: { host: "hoster", mode, candidates: 3 },
    });
    expect(await done("clinic", "collection", "list")).toMatch(
      new RegExp(`${name} .* clinic .* hoster .* ${mode} .* 0\\.5 .* none`),
    );
    expect(await done("clinic", "collection", "check", name)).toBe(
      "missing rows: 0; rows that should not be there: 0; rows opened: 3\n",
    );
    // The ward's node is none of the collection's business.
    expect(readdirSync(federation.dir("ward"))).not.toContain("hosted");
  });

  // One mode is enough: what follows is the same code for both, and host-leak.test.ts does most of it in both.
  if (mode === "outsourced") {
    test("follows its documents", async () => {
      const added = join(documents, "telescope.txt");
      writeFileSync(added, "The rooftop telescope is lent on cloudless Tuesdays.");
      expect(await done("clinic", "ingest", documents, "--collection", name)).toMatch(
        /1 added.*3 unchanged.*\nhoster has 4 rows: 1 sealed and sent, 0 removed/,
      );
      expect((await ask("clinic", "rooftop telescope")).passages[0]).toMatchObject({ documentId: "telescope.txt" });
      rmSync(added);
      expect(await done("clinic", "ingest", documents, "--collection", name)).toMatch(
        /1 removed.*\nhoster has 3 rows: 0 sealed and sent, 1 removed/,
      );
      const { passages } = await ask("clinic", "rooftop telescope");
      expect(passages.map(({ documentId }) => documentId)).not.toContain("telescope.txt");
    });

    test("is granted, accepted and read; read on through a change of keys; and no more once revoked", async () => {
      expect(await done("lab", "collection", "accept", "--host", "hoster")).toBe(
        "hoster keeps nothing that was granted to lab\n",
      );
      expect(await done("clinic", "collection", "grant", name, "lab")).toMatch(
        /lab may read .*There: sotto collection accept --host hoster/,
      );
      await done("clinic", "collection", "grant", name, "office");
      expect(await done("lab", "collection", "accept", "--host", "hoster")).toBe(
        `clinic-${name}  (${mode} at hoster, owned by clinic)\nNext: sotto query "..." --dir ${federation.dir("lab")}\n`,
      );
      await done("office", "collection", "accept", "--host", "hoster");
      const read = async (): Promise<Answer> => ask("lab", "when may warfarin be restarted");
      expect((await read()).passages[0]).toMatchObject({ collection: `clinic-${name}`, documentId: "warfarin.txt" });

      expect(await done("clinic", "collection", "rotate", name)).toMatch(
        /has a new key; what was sealed under the old one/,
      );
      const rotated = await read();
      expect(rotated.code).toBe(0);
      expect(rotated.passages[0]).toMatchObject({ documentId: "warfarin.txt" });

      expect(await done("clinic", "collection", "revoke", name, "lab")).toMatch(/lab can no longer read/);
      const revoked = await as("lab", ["query", "when may warfarin be restarted"]);
      expect(revoked.code).toBe(4);
      expect(revoked.stderr).toMatch(
        new RegExp(`missing +clinic \\(clinic-${name} at hoster\\) +COLLECTION_UNKNOWN: .*sotto collection forget`),
      );
      expect(revoked.stdout).not.toMatch(/warfarin/i);
      const other = await ask("office", "when may warfarin be restarted");
      expect(other.passages[0]).toMatchObject({ collection: `clinic-${name}`, documentId: "warfarin.txt" });
      for (const reader of ["lab", "office"])
        expect(await done(reader, "collection", "forget", `clinic-${name}`)).toMatch(/is gone.*stays at hoster/);
      expect(await listed("lab")).toEqual([]);
    });
  }

  test("is erased, and its key and ledger with it", async () => {
    expect(await done("clinic", "collection", "erase", name)).toMatch(/is erased; no host can promise/);
    expect(await listed("clinic")).toEqual([]);
    expect(ledgers("clinic")).toEqual([]);
    expect(
      readdirSync(join(federation.dir("hoster"), "hosted")).filter((file) => !file.startsWith("catalogue")),
    ).toEqual([]);
    expect((await ask("clinic", "warfarin")).code).toBe(0);
  });
});

describe("a collection is not made", () => {
  test("at a host that is unknown, not one, not for this owner, or not running; and leaves no key behind", async () => {
    const at = (host: string): string[] => ["collection", "create", "plans", "--mode", "double", "--host", host];
    await Promise.all([
      refused("clinic", at("nobody"), "HOST_UNKNOWN", /"nobody" is not a party.*sotto federation show/),
      refused("lab", at("hub"), "HOST_UNKNOWN", /"hub" is not a party/),
      refused("office", at("hoster"), "NOT_HOSTING", /its operator starts it with `sotto node --host-for office`/),
      refused("ward", at("hoster"), "WRONG_ROLE", /only queriers can reach a host; ask the founder/),
    ]);
    await refused("clinic", at("ward"), "NOT_HOSTING", /--host-for/);
    await running[2]?.stop();
    await refused("clinic", at("archive"), "PARTY_OFFLINE", /archive is not connected to the coordinator/);
    await serve("archive");
    for (const member of ["clinic", "office", "lab"]) {
      expect(await listed(member)).toEqual([]);
      expect(ledgers(member)).toEqual([]);
    }
  });

  test("with options that cannot be, and the option says what can", async () => {
    const unusable = async (args: readonly string[], says: RegExp): Promise<void> => {
      const { code, stderr } = await as("clinic", args);
      expect(stderr).toMatch(says);
      expect(code).toBe(1);
    };
    await Promise.all([
      unusable(create("plans", "--beta", "0"), /--beta.*expected a number above 0/),
      unusable(create("plans", "--beta", "1e9"), /--beta.*expected a number from 0\.000001 to 1000/),
      unusable(create("plans", "--epsilon", "nought"), /--epsilon.*expected a number/),
      unusable(create("Plans!"), /expected lower-case letters, digits and dashes/),
      unusable(["collection", "create", "plans", "--host", "hoster"], /required option '--mode/),
      unusable(["collection", "create", "plans", "--mode", "clear", "--host", "hoster"], /outsourced, double/),
    ]);
    const perturbed = ["collection", "create", "plans", "--mode", "double", "--host", "hoster", "--epsilon", "9"];
    await refused("clinic", perturbed, "OPTION_UNFIT", /in mode double they are encrypted/);
    expect(await listed("clinic")).toEqual([]);
  });

  test("twice under one name, nor changed by anybody but its owner", async () => {
    await done("clinic", ...create("plans"));
    await Promise.all([
      refused("clinic", create("plans"), "KEYRING_CONFLICT", /choose another name/),
      refused("clinic", ["collection", "rotate", "nope"], "COLLECTION_NOT_FOUND", /no collection "nope"/),
      refused("clinic", ["ingest", documents, "--collection", "nope"], "COLLECTION_NOT_FOUND", /keyring show/),
    ]);
    await refused(
      "clinic",
      ["collection", "grant", "plans", "ward"],
      "GRANT_RECIPIENT",
      /no querier of the federation/,
    );
    await refused("clinic", ["collection", "grant", "plans", "nobody"], "GRANT_RECIPIENT", /check the name/);
    await refused("clinic", ["collection", "grant", "plans", "clinic"], "GRANT_RECIPIENT", /is yours/);
    await refused("clinic", ["collection", "revoke", "plans", "lab"], "NOT_A_READER", /those who have: nobody/);
    await done("clinic", "collection", "grant", "plans", "lab");
    await done("lab", "collection", "accept", "--host", "hoster");
    const changes = [
      ...["rotate", "check", "erase"].map((command) => ["collection", command, "clinic-plans"]),
      ["ingest", documents, "--collection", "clinic-plans"],
    ];
    await Promise.all(changes.map((args) => refused("lab", args, "NOT_THE_OWNER", /belongs to clinic/)));
    await done("lab", "collection", "forget", "clinic-plans");
  });

  test("with the readers of one that was forgotten", async () => {
    await done("clinic", "collection", "forget", "plans");
    await done("clinic", ...create("plans"));
    await done("clinic", "ingest", documents, "--collection", "plans");
    await refused("clinic", ["collection", "revoke", "plans", "lab"], "NOT_A_READER", /those who have: nobody/);
    await done("clinic", "collection", "erase", "plans");
  });
});

test("a granted collection never takes the place of one's own", async () => {
  await done("lab", ...create("clinic-plans"));
  await done("clinic", ...create("plans"));
  await done("clinic", "collection", "grant", "plans", "lab");
  const keyring = readFileSync(join(federation.dir("lab"), "keyring.json"), "utf8");
  const accepted = await as("lab", ["collection", "accept", "--host", "hoster"]);
  expect(accepted).toMatchObject({ code: 2, stdout: "" });
  // The collection that was forgotten is still granted too: both would be called the same.
  expect(accepted.stderr).toMatch(/KEYRING_CONFLICT: clinic has granted you "clinic-plans".*kept/);
  expect(readFileSync(join(federation.dir("lab"), "keyring.json"), "utf8")).toBe(keyring);
  await done("lab", "collection", "erase", "clinic-plans");
  await done("clinic", "collection", "erase", "plans");
});

longTest("a keyring under a passphrase is opened by the environment, and its collections are asked", async () => {
  await done("clinic", ...create("locked"));
  await done("clinic", "ingest", documents, "--collection", "locked");
  const env = { SOTTO_PASSPHRASE: PASSPHRASE };
  expect(await as("clinic", ["keyring", "protect"], env)).toMatchObject({ code: 0 });
  const [wrong, answer] = await Promise.all([
    as("clinic", ["query", "warfarin"], { SOTTO_PASSPHRASE: "another one entirely" }),
    ask("clinic", "when may warfarin be restarted", env),
    refused("clinic", ["query", "warfarin"], "PASSPHRASE_MISSING", /SOTTO_PASSPHRASE/),
  ]);
  expect(wrong.stderr).toMatch(/^error KEYRING_PASSPHRASE: /);
  expect(wrong.code).toBe(2);
  expect(answer.code).toBe(0);
  expect(answer.passages[0]).toMatchObject({ collection: "locked", documentId: "warfarin.txt" });
  expect(await as("clinic", ["keyring", "unprotect"], env)).toMatchObject({ code: 0 });
  await done("clinic", "collection", "erase", "locked");
});

/** Bytes of everything that the host keeps. */
function hostedBytes(): number {
  const path = join(federation.dir("hoster"), "hosted");
  const names = readdirSync(path, { recursive: true, encoding: "utf8" });
  return names.reduce((sum, name) => sum + (statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

longTest("one command at a time changes a collection", async () => {
  await done("clinic", ...create("guarded"));
  const lock = new DatabaseSync(join(federation.dir("clinic"), "collections", "guarded.db.lock"));
  lock.exec("BEGIN EXCLUSIVE");
  await refused("clinic", ["collection", "rotate", "guarded"], "COLLECTION_BUSY", /wait until it has ended/);
  lock.close();
  await done("clinic", "collection", "erase", "guarded");
});

longTest("Ctrl-C while sealing loses nothing, and the next run goes on", async () => {
  const many = join(folder.path, "many.jsonl");
  const rows = Array.from({ length: 1500 }, (_, i) => ({
    _id: `d${String(i)}`,
    text: `telescope ${String(i)} of ${String(i % 97)}`,
  }));
  writeFileSync(many, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  await done("clinic", ...create("many"));
  const before = hostedBytes();
  const ingest = new Cli(["ingest", many, "--collection", "many", "--dir", federation.dir("clinic")]);
  running.push(ingest);
  while (hostedBytes() < before + 1_500_000) await sleep(5);
  const stopped = await ingest.stop("SIGINT");
  expect(stopped).toMatchObject({ code: 130, signal: null });
  expect(stopped.stderr).toMatch(/stopped; what was stored stays, and the next run goes on from there/);
  const checked = await as("clinic", ["collection", "check", "many"]);
  expect(checked.code).toBe(4);
  expect(checked.stdout).toMatch(
    /missing rows: [1-9].*should not be there: 0;[^]*`sotto ingest` or `sotto collection rotate many`/,
  );
  const missing = Number(/missing rows: (\d+)/.exec(checked.stdout)?.[1]);
  expect(missing).toBeLessThan(1500);
  expect(await done("clinic", "ingest", many, "--collection", "many")).toContain(
    `1500 unchanged, 0 removed; 1500 passages in the store\nhoster has 1500 rows: ${String(missing)} sealed and sent, 0 removed`,
  );
  expect(await done("clinic", "collection", "check", "many")).toMatch(/missing rows: 0;.*rows opened: 64/);
  await done("clinic", "collection", "erase", "many");
});

longTest("a host keeps collections in PostgreSQL where its environment says so", async () => {
  await using database = await startPglite();
  await running[1]?.stop();
  const ward = await serve("ward", ["--host-for", "clinic"], { SOTTO_SEALED_STORE: database.url() });
  await done("clinic", "collection", "create", "shelf", "--mode", "outsourced", "--host", "ward");
  await done("clinic", "ingest", documents, "--collection", "shelf");
  await done("clinic", "collection", "rotate", "shelf");
  const answer = await ask("clinic", "when may warfarin be restarted");
  expect(answer.code).toBe(0);
  expect(answer.passages[0]).toMatchObject({ collection: "shelf", documentId: "warfarin.txt" });
  expect(existsSync(join(federation.dir("ward"), "hosted"))).toBe(false);
  const tables = await database.query<{ table_name: string }>(
    "SELECT table_name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')",
  );
  expect(tables.length).toBeGreaterThan(0);

  await database.kill();
  const down = await as("clinic", ["query", "when may warfarin be restarted", "--timeout", "10"]);
  expect(down.code).toBe(4);
  expect(down.stderr).toMatch(
    /missing +clinic \(shelf at ward\) +STORE_UNAVAILABLE: ward: the host's store could not do it/,
  );
  expect(down.stderr).not.toMatch(/postgres|127\.0\.0\.1/);
  expect(ward.stdout + ward.stderr).not.toMatch(/postgres:postgres/);
  expect(await ward.stop()).toMatchObject({ code: 0 });
  await refused("clinic", ["collection", "erase", "shelf"], "PARTY_OFFLINE", /ward is not connected/);
  await done("clinic", "collection", "forget", "shelf");
});

test("without a coordinator a collection's owner is told so, and keeps its key", async () => {
  await done("clinic", ...create("kept"));
  await federation.coordinator.stop();
  const say = (member: string, args: readonly string[]): Promise<void> =>
    refused(member, args, "CONNECTION_REFUSED", /is it running/);
  await Promise.all([
    say("clinic", ["collection", "check", "kept"]),
    say("clinic", create("another")),
    say("lab", ["collection", "accept", "--host", "hoster"]),
  ]);
  await say("clinic", ["ingest", documents, "--collection", "kept"]);
  await say("clinic", ["collection", "erase", "kept"]);
  expect(await listed("clinic")).toEqual(["kept"]);
});

test("no key was ever among a process's arguments or in its output", () => {
  expectNoSecrets(folder.path);
});
