import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { beforeAll, afterAll, describe, expect, test } from "@jest/globals";
import { openNodeKeyring, readPassphrase } from "../../cli/passphrase.ts";
import { Keyring } from "../../party-node/keyring/index.ts";
import { createNodeFolder } from "../../party-node/node-folder.ts";
import { sotto } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { PASSPHRASE, cheap, entryOf, failureOf, fullEntryOf, secretsOf } from "./entries.ts";
import { longTest } from "../support/long.ts";

const EXPORT_PASSPHRASE = "swordfish and marmalade";
const folder = temporaryFolder();
const papers = fullEntryOf("papers");
const dir = join(folder.path, "clinic");
const path = join(dir, "keyring.json");
const exported = join(folder.path, "papers.export");

/** Runs `sotto keyring`; whatever it prints holds no secret. */
async function keyring(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const finished = await sotto(["keyring", ...args], {
    env: { SOTTO_PASSPHRASE: "", SOTTO_EXPORT_PASSPHRASE: "", ...env },
  });
  for (const one of [...secretsOf(papers), PASSPHRASE, EXPORT_PASSPHRASE])
    expect(finished.stdout + finished.stderr).not.toContain(one);
  return finished;
}

async function refused(run: ReturnType<typeof keyring>, fault: string, says: RegExp): Promise<void> {
  const { code, stdout, stderr } = await run;
  expect(stderr).toMatch(new RegExp(`^error ${fault}: `, "m"));
  expect(stderr).toMatch(says);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
}

beforeAll(async () => {
  createNodeFolder(dir, "clinic");
  using opened = await openNodeKeyring(dir);
  opened.put(papers);
});
afterAll(() => {
  folder[Symbol.dispose]();
});

test("shows what there is, of a node that has none too", async () => {
  const { code, stdout } = await keyring(["show", "--dir", dir]);
  expect(code).toBe(0);
  expect(stdout).toContain(path);
  expect(stdout).toMatch(/not under a passphrase/);
  expect(stdout).toMatch(
    new RegExp(`papers.*double.*clinic.*hoster.*${papers.current.id}.*1024.*1\\.5.*40.*being rotated, 2 to erase`),
  );
  const empty = join(folder.path, "empty");
  createNodeFolder(empty, "empty");
  expect((await keyring(["show", "--dir", empty])).stdout).toMatch(/holds no keys/);
  expect(readdirSync(empty).toSorted()).toEqual(["node.key", "sotto.json"]);
  await refused(keyring(["show", "--dir", folder.path]), "CONFIG_MISSING", /add .*--dir \S*empty/);
});

test("protect, change and unprotect", async () => {
  const env = { SOTTO_PASSPHRASE: PASSPHRASE };
  const changed = { SOTTO_PASSPHRASE: "another passphrase" };
  expect(await keyring(["protect", "--dir", dir], env)).toMatchObject({ code: 0 });
  expect(readFileSync(path, "utf8")).not.toContain("papers");
  await refused(keyring(["show", "--dir", dir]), "PASSPHRASE_MISSING", /SOTTO_PASSPHRASE/);
  await refused(keyring(["show", "--dir", dir], changed), "KEYRING_PASSPHRASE", /Try again/);
  expect((await keyring(["show", "--dir", dir], env)).stdout).toMatch(/, under a passphrase[^]*papers/);
  const change = keyring(["protect", "--dir", dir], { ...env, SOTTO_NEW_PASSPHRASE: changed.SOTTO_PASSPHRASE });
  expect(await change).toMatchObject({ code: 0 });

  expect(await keyring(["unprotect", "--dir", dir], changed)).toMatchObject({ code: 0 });
  using here = await openNodeKeyring(dir);
  expect(here.entries).toEqual([papers]);
});

longTest("export, and import on another machine", async () => {
  const env = { SOTTO_PASSPHRASE: PASSPHRASE };
  using locked = await openNodeKeyring(dir);
  await locked.protect(PASSPHRASE, cheap);
  const exporting = { ...env, SOTTO_EXPORT_PASSPHRASE: EXPORT_PASSPHRASE };
  await refused(
    keyring(["export", "papers", "--to", exported, "--dir", dir], env),
    "PASSPHRASE_MISSING",
    /SOTTO_EXPORT_PASSPHRASE/,
  );
  await refused(
    keyring(["export", "none", "--to", exported, "--dir", dir], exporting),
    "COLLECTION_NOT_FOUND",
    /keyring show/,
  );
  expect(existsSync(exported)).toBe(false);
  expect(await keyring(["export", "papers", "--to", exported, "--dir", dir], exporting)).toMatchObject({ code: 0 });
  expect(statSync(exported).mode & 0o777).toBe(0o600);
  await refused(
    keyring(["export", "papers", "--to", exported, "--dir", dir], exporting),
    "EXPORT_EXISTS",
    /another file/,
  );

  const laptop = join(folder.path, "laptop");
  createNodeFolder(laptop, "clinic");
  const taking = { SOTTO_EXPORT_PASSPHRASE: EXPORT_PASSPHRASE };
  await refused(
    keyring(["import", exported, "--dir", laptop], { SOTTO_EXPORT_PASSPHRASE: PASSPHRASE }),
    "KEYRING_PASSPHRASE",
    /altered/,
  );
  expect(await keyring(["import", exported, "--dir", laptop], taking)).toMatchObject({ code: 0 });
  await refused(keyring(["import", exported, "--dir", laptop], taking), "KEYRING_CONFLICT", /already/);
  expect(await keyring(["import", exported, "--replace", "--dir", laptop], taking)).toMatchObject({ code: 0 });
  using there = await openNodeKeyring(laptop);
  expect(there.entries).toEqual([papers]);
  locked.unprotect();
});

test("import refuses what is no export", async () => {
  const file = join(folder.path, "other.json");
  writeFileSync(file, "{}");
  const env = { SOTTO_EXPORT_PASSPHRASE: EXPORT_PASSPHRASE };
  await refused(keyring(["import", file, "--dir", dir], env), "KEYRING_MALFORMED", /exported entry/);
  const { code, stderr } = await keyring(["import", join(folder.path, "none"), "--dir", dir], env);
  expect(code).toBe(2);
  expect(stderr).toMatch(/ENOENT.*check that the path is right/);
});

/** A terminal that records what is shown, and whether it would have echoed. */
function terminal() {
  const shown: string[] = [];
  const rawModes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => void rawModes.push(raw),
  });
  const prompts = new PassThrough();
  prompts.setEncoding("utf8").on("data", (text: string) => shown.push(text));
  return { input, prompts, environment: {}, rawModes, shown: () => shown.join("") };
}

describe("at a terminal", () => {
  const question = { prompt: "Passphrase", variable: "SOTTO_PASSPHRASE" } as const;
  const typed = async (asking: Promise<string>, at: ReturnType<typeof terminal>, ...lines: string[]) => {
    for (const [i, line] of lines.entries()) {
      while (at.shown().split(": ").length < i + 2) await new Promise(setImmediate);
      at.input.write(line);
    }
    return asking;
  };

  test("a passphrase is read without being shown, corrections and all", async () => {
    const at = terminal();
    expect(await typed(readPassphrase(question, at), at, "swordfihs\x7f\x7fsh \u{1f511}\r")).toBe(
      "swordfish \u{1f511}",
    );
    await new Promise(setImmediate);
    expect(at.shown()).toBe("Passphrase: \n");
    // Not raw means that the terminal itself shows what is typed.
    expect(at.rawModes).toEqual([true, false]);
  });

  test("a new one is asked for twice", async () => {
    const at = terminal();
    expect(await typed(readPassphrase({ ...question, twice: true }, at), at, "swordfish\r", "swordfish\r")).toBe(
      "swordfish",
    );
    const other = terminal();
    const failure = await failureOf(() =>
      typed(readPassphrase({ ...question, twice: true }, other), other, "swordfish\r", "swordfihs\r"),
    );
    expect(failure.code).toBe("PASSPHRASE_DIFFERS");
    expect(other.shown()).toBe("Passphrase: \nThe same again: \n");
  });

  test.each([
    { id: "Ctrl-C", keys: "sword\x03" },
    { id: "Ctrl-D", keys: "\x04" },
  ])("$id ends the question", async ({ keys }) => {
    const at = terminal();
    const failure = await failureOf(() => typed(readPassphrase(question, at), at, keys));
    expect(failure.code).toBe("ABORTED");
    expect(at.rawModes.at(-1)).toBe(false);
  });

  test("the environment answers instead", async () => {
    const at = { ...terminal(), environment: { SOTTO_PASSPHRASE: PASSPHRASE } };
    expect(await readPassphrase(question, at)).toBe(PASSPHRASE);
    expect(at.shown()).toBe("");
  });
});

test("a keyring under a passphrase is opened with what the terminal gives", async () => {
  using spare = temporaryFolder();
  using locked = await Keyring.open(join(spare.path, "keyring.json"));
  locked.put(entryOf("notes"));
  await locked.protect(PASSPHRASE, cheap);
  const at = terminal();
  at.input.write(`${PASSPHRASE}\r`);
  using opened = await Keyring.open(join(spare.path, "keyring.json"), () =>
    readPassphrase({ prompt: "Passphrase", variable: "SOTTO_PASSPHRASE" }, at),
  );
  expect(opened.entries.map(({ name }) => name)).toEqual(["notes"]);
});
