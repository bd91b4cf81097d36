import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openNodeStore } from "../../cli/node-store.ts";
import { loadKeyFile } from "../../party-node/keys.ts";
import { openNode } from "../../party-node/node-folder.ts";
import {
  Cli,
  type Finished,
  expectNoSecrets,
  expectRefusal,
  expectUsageError,
  sotto,
  sottoOutput,
} from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { FederationByHand } from "./federation-by-hand.ts";

const folder = temporaryFolder();
let federation: FederationByHand;
let copies = 0;

const at = (...path: string[]): string => join(folder.path, ...path);
/** A copy of a member's folder, to spoil. */
function copyOf(name: string): string {
  const copy = at(`${name}-${String(++copies)}`);
  cpSync(federation.dir(name), copy, { recursive: true });
  return copy;
}
/** A copy of a member's folder whose coordinator does not run: port 1 is reserved, and nothing listens there. */
function copyOffLine(name: string): string {
  const copy = copyOf(name);
  const config = join(copy, "sotto.json");
  writeFileSync(config, readFileSync(config, "utf8").replace(/127\.0\.0\.1:\d+/, "127.0.0.1:1"));
  return copy;
}
const query = (dir: string, question = "warfarin", ...more: string[]): string[] => [
  "query",
  question,
  "--dir",
  dir,
  ...more,
];

beforeAll(async () => {
  federation = await FederationByHand.found({
    folder: folder.path,
    members: { hub: "coordinator", clinic: "party,querier", library: "party" },
  });
});

afterAll(async () => {
  await federation[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe("a question", () => {
  // Refused before anybody is connected to, hence off line.
  test.each(["", " \n\t "])("that is empty (%j)", async (question) => {
    await expectRefusal(query(copyOffLine("clinic"), question), {
      fault: "QUESTION_EMPTY",
      says: /type a question/,
    });
  });

  test("that is enormous", async () => {
    const question = "warfarin ".repeat(5000);
    await expectRefusal(query(copyOffLine("clinic"), question), {
      fault: "QUESTION_TOO_LONG",
      says: /has 45000 bytes, at most 16384 .* ask something shorter/,
    });
  });

  test("of which the encoder knows no word", async () => {
    await expectRefusal(query(federation.dir("clinic"), "???"), {
      fault: "QUESTION_UNREADABLE",
      says: /put it differently/,
    });
  });

  test("with k out of range", async () => {
    await Promise.all(
      ["0", "33", "2.5", "many"].map((k) =>
        expectUsageError(query(federation.dir("clinic"), "warfarin", "-k", k), /-k <count>.*from 1 to 32/),
      ),
    );
  });
});

describe("the federation file", () => {
  test("is missing", async () => {
    const dir = copyOf("clinic");
    rmSync(join(dir, "federation.json"));
    const refusal = { fault: "FEDERATION_MISSING", says: /ask the federation's founder/ };
    await Promise.all([
      expectRefusal(query(dir), refusal),
      expectRefusal(["node", "--dir", dir], refusal),
      expectRefusal(["federation", "join", at("none.json"), "--root", federation.rootKey, "--dir", dir], refusal),
    ]);
  });

  test.each([
    [
      "one byte of a member's key",
      (text: string) =>
        text.replace(
          /("publicKey":")(.)/,
          (_, before: string, letter: string) => before + (letter === "A" ? "B" : "A"),
        ),
    ],
    ["a change's number", (text: string) => text.replace('"sequence":2', '"sequence":1')],
    ["the mode", (text: string) => text.replace('"mode": "private"', '"mode": "clear"')],
  ])("was tampered with: %s", async (_, tamper) => {
    const dir = copyOf("clinic");
    const file = join(dir, "federation.json");
    const text = readFileSync(file, "utf8");
    expect(tamper(text)).not.toBe(text);
    writeFileSync(file, tamper(text));
    const refusal = { fault: "FEDERATION_TAMPERED", says: /ask the federation's founder for a fresh copy/ };
    await Promise.all([
      expectRefusal(query(dir), refusal),
      expectRefusal(["node", "--dir", dir, "--insecure-clear"], refusal),
    ]);
  });

  test("is no JSON", async () => {
    const dir = copyOf("clinic");
    writeFileSync(join(dir, "federation.json"), "{");
    await expectRefusal(query(dir), { fault: "FEDERATION_MALFORMED", says: /not JSON; ask the federation's founder/ });
  });

  test("was signed by another root key than the one given at join", async () => {
    const other = Buffer.alloc(32, 7).toString("base64");
    const dir = copyOf("clinic");
    await expectRefusal(["federation", "join", federation.file, "--root", other, "--dir", dir], {
      fault: "FEDERATION_TAMPERED",
      says: /compare the root key/,
    });
    expect(openNode(dir).folder.config.rootPublicKey).toBe(federation.rootKey);
  });

  test("is older than the one the node holds", async () => {
    const [dir, founder] = [copyOf("clinic"), at("founder")];
    mkdirSync(founder);
    for (const name of ["federation.json", "federation-root.key"]) cpSync(at(name), join(founder, name));
    const key = Buffer.alloc(32, 9).toString("base64");
    await sottoOutput(["federation", "add", "newcomer", "--key", key, "--role", "querier", "--dir", founder]);
    const joining = (file: string): string[] => [
      "federation",
      "join",
      file,
      "--root",
      federation.rootKey,
      "--dir",
      dir,
    ];
    await sottoOutput(joining(join(founder, "federation.json")));
    await expectRefusal(joining(federation.file), {
      fault: "FEDERATION_OLDER",
      says: /ask the founder for the newest/,
    });
    expect(openNode(dir).federation.publicKeyOf("newcomer")).not.toBeNull();
  });
});

describe("founding a federation", () => {
  test("with an unknown role", async () => {
    const key = Buffer.alloc(32, 8).toString("base64");
    const before = readFileSync(federation.file, "utf8");
    await expectRefusal(["federation", "add", "king", "--key", key, "--role", "party,king", "--dir", folder.path], {
      fault: "ROLE_UNKNOWN",
      says: /"king" is not a role; roles are party, querier, coordinator/,
    });
    expect(readFileSync(federation.file, "utf8")).toBe(before);
  });

  test("with something that is no key", async () => {
    await expectUsageError(
      ["federation", "add", "zed", "--key", "abc", "--role", "party", "--dir", folder.path],
      /expected a key of 44 characters/,
    );
  });

  test("with a key that another member has", async () => {
    const hub = loadKeyFile(openNode(federation.dir("hub")).folder.keyPath).identity.publicKey;
    const key = Buffer.from(hub).toString("base64");
    await expectRefusal(["federation", "add", "zed", "--key", key, "--role", "party", "--dir", folder.path], {
      fault: "KEY_TAKEN",
      says: /that is the key of "hub"; every member has its own/,
    });
  });

  test("where it was not created", async () => {
    const key = Buffer.alloc(32, 9).toString("base64");
    await expectRefusal(
      ["federation", "add", "zed", "--key", key, "--role", "party", "--dir", federation.dir("clinic")],
      { fault: "NOT_THE_FOUNDER", says: /name that folder with --dir/ },
    );
  });

  test("twice in one folder, or with a coordinator that is no WebSocket; a folder that is not there yet is made", async () => {
    const create = (dir: string, url: string): string[] => [
      "federation",
      "create",
      "X",
      "--coordinator-url",
      url,
      "--dir",
      dir,
    ];
    const dir = at("another", "one");
    await expectUsageError(create(dir, "http://127.0.0.1:7400"), /expected ws:\/\/HOST:PORT/);
    await sottoOutput(create(dir, "ws://127.0.0.1:7400"));
    await expectRefusal(create(dir, "ws://127.0.0.1:7400"), {
      fault: "FEDERATION_EXISTS",
      says: /another folder with --dir/,
    });
  });
});

describe("a node", () => {
  test("whose key file others can read", async () => {
    const dir = copyOf("clinic");
    chmodSync(join(dir, "node.key"), 0o644);
    const refusal = { fault: "KEY_FILE_MODE", says: /mode 0644.* Run: chmod 600 \S+node\.key/ };
    await Promise.all([expectRefusal(query(dir), refusal), expectRefusal(["node", "--dir", dir], refusal)]);
    const { code, stdout } = await sotto(["doctor", "--dir", dir]);
    expect(stdout).toMatch(/^fix {2}node .*KEY_FILE_MODE/m);
    expect(code).toBe(1);
    chmodSync(join(dir, "node.key"), 0o600);
  });

  test("whose key file is somebody else's", async () => {
    const dir = copyOf("clinic");
    cpSync(join(federation.dir("library"), "node.key"), join(dir, "node.key"));
    const refusal = { fault: "NOT_A_MEMBER", says: /send the founder the line that `sotto init` printed/ };
    // A service says by its exit code that starting it again changes nothing.
    await Promise.all([
      expectRefusal(query(dir), refusal),
      expectRefusal(["node", "--dir", dir], { ...refusal, exit: 77 }),
    ]);
  });

  test("that has not joined", async () => {
    const dir = at("outsider");
    await sottoOutput(["init", "outsider", "--dir", dir]);
    const refusal = { fault: "NOT_JOINED", says: /`sotto federation join FILE --root KEY`/ };
    await Promise.all([expectRefusal(query(dir), refusal), expectRefusal(["node", "--dir", dir], refusal)]);
  });

  test("whose folder is no node's", async () => {
    await expectRefusal(["node", "--dir", at("nowhere")], {
      fault: "CONFIG_MISSING",
      says: /`sotto init NAME --dir DIR`/,
    });
  });

  test("that acts in a role it does not have", async () => {
    await Promise.all([
      expectRefusal(["node", "--dir", federation.dir("hub")], {
        fault: "WRONG_ROLE",
        says: /--role party/,
        exit: 77,
      }),
      expectRefusal(["coordinator", "--dir", federation.dir("clinic"), "--port", "0"], {
        fault: "WRONG_ROLE",
        says: /--role coordinator/,
        exit: 77,
      }),
      expectRefusal(query(federation.dir("library")), { fault: "WRONG_ROLE", says: /library is not a querier/ }),
    ]);
  });

  test("whose encoder is not the federation's", async () => {
    const dir = copyOf("clinic");
    writeFileSync(at("note.txt"), "a note");
    await sottoOutput([
      "federation",
      "join",
      federation.file,
      "--root",
      federation.rootKey,
      "--dir",
      dir,
      "--encoder",
      "lexical:512",
    ]);
    const refusal = {
      fault: "ENCODER_MISMATCH",
      says: /"lexical:512" is not the federation's "lexical".*use the same encoder/,
    };
    await Promise.all([
      expectRefusal(query(dir), refusal),
      expectRefusal(["ingest", at("note.txt"), "--dir", dir], refusal),
    ]);
  });

  test("that cannot write where it was told to", async () => {
    const { code, stderr } = await sotto([
      "node",
      "--dir",
      federation.dir("clinic"),
      "--transcript",
      at("no", "such", "folder"),
    ]);
    expect(stderr).toMatch(/^error ENOENT: .*check that the path is right/m);
    expect(stderr).not.toContain("bug in Sotto");
    expect(code).toBe(2);
  });

  test("of a federation in clear mode, without --insecure-clear", async () => {
    const [clear, dir] = [at("clear"), at("clear", "only")];
    // Port 1 is reserved, and nothing listens there.
    const url = "ws://127.0.0.1:1";
    await sottoOutput(["federation", "create", "Open", "--mode", "clear", "--coordinator-url", url, "--dir", clear]);
    const key = /--key (\S+)/.exec(await sottoOutput(["init", "only", "--dir", dir]))?.[1] ?? "";
    await sottoOutput(["federation", "add", "only", "--key", key, "--role", "party,querier", "--dir", clear]);
    const root = rootKeyOf(clear);
    await sottoOutput(["federation", "join", join(clear, "federation.json"), "--root", root, "--dir", dir]);
    const refusal = { fault: "CLEAR_MODE", says: /every party.*--insecure-clear/ };
    await Promise.all([
      expectRefusal(["node", "--dir", dir], refusal),
      expectRefusal(query(dir), refusal),
      expectRefusal(query(dir, "warfarin", "--insecure-clear"), { fault: "CONNECTION_REFUSED", says: /is it running/ }),
    ]);
    await using node = new Cli(["node", "--dir", dir, "--insecure-clear"]);
    await node.printed(/"collection loaded"/);
  });
});

describe("the network", () => {
  test("port in use, and a folder in use", async () => {
    const again = ["coordinator", "--dir", federation.dir("hub"), "--port", String(federation.port)];
    await Promise.all([
      expectRefusal([...again, "--no-audit"], { fault: "PORT_IN_USE", says: /choose another with --port/ }),
      expectRefusal(again, { fault: "AUDIT_BUSY", says: /already runs in this folder \(process \d+\)/ }),
    ]);
  });

  test("coordinator not running: a query says so, a node goes on trying until Ctrl-C", async () => {
    const dir = copyOffLine("clinic");
    await using node = new Cli(["node", "--dir", dir]);
    await expectRefusal(query(dir), { fault: "CONNECTION_REFUSED", says: /ws:\/\/127\.0\.0\.1:1; is it running/ });
    await node.printed(/CONNECTION_REFUSED.*CONNECTION_REFUSED/s);
    expect(await node.stop("SIGINT")).toMatchObject({ code: 0, signal: null });
  });
});

describe("the command line", () => {
  test("an option, command, argument or value that there is not", async () => {
    await Promise.all([
      expectUsageError(["query", "warfarin", "--epsilon", "3"], /unknown option '--epsilon'/),
      expectUsageError(["sreve"], /unknown command 'sreve'/),
      expectUsageError(["ingest"], /missing required argument 'path'/),
      expectUsageError(["coordinator", "--port", "70000"], /whole number from 0 to 65535/),
      expectUsageError(["query", "warfarin", "--timeout", "0"], /from 1 to 300/),
    ]);
  });
});

describe("ingest", () => {
  test("of a line that is not JSON names file and line, and takes the rest", async () => {
    const dir = copyOf("clinic");
    const file = at("notes.jsonl");
    writeFileSync(file, '{"_id":"a","text":"one"}\nwarfarin {not json\n{"_id":"b","text":"two"}\n');
    const { code, stdout, stderr } = await sotto(["ingest", file, "--dir", dir]);
    expect(stderr).toMatch(new RegExp(`^NOT_JSON: ${file}, line 2: .*\\nnot everything could be read: 1 NOT_JSON`));
    expect(stderr).not.toContain("warfarin");
    expect(stdout).toMatch(/2 added.* 2 passages in the store/);
    expect(code).toBe(3);
  });

  test("of a path that does not exist names it, and takes the rest", async () => {
    const dir = copyOf("clinic");
    writeFileSync(at("there.txt"), "something");
    const { code, stdout, stderr } = await sotto(["ingest", at("not-there.txt"), at("there.txt"), "--dir", dir]);
    expect(stderr).toMatch(/^UNREADABLE: \S+not-there\.txt: does not exist\. Check the path\./);
    expect(stdout).toMatch(/1 added/);
    expect(code).toBe(3);
  });

  test("killed half way with -9: the next run goes on where it stopped", async () => {
    const dir = copyOf("clinic");
    const corpus = at("large.jsonl");
    const lines = Array.from({ length: 6000 }, (_, i) =>
      JSON.stringify({ _id: `note-${String(i)}`, text: `note ${"word ".repeat(i % 50)}${String(i)}` }),
    );
    writeFileSync(corpus, `${lines.join("\n")}\n`);

    await using first = new Cli(["ingest", corpus, "--dir", dir]);
    while (stored(dir) === 0) await sleep(5);
    expect(await first.stop("SIGKILL")).toMatchObject({ signal: "SIGKILL" });
    const left = stored(dir);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(6000);

    const again = await sotto(["ingest", corpus, "--dir", dir, "--json"]);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({
      stored: 6000,
      passages: 6000 - left,
      documents: { added: 6000 - left, changed: 0, unchanged: left, removed: 0 },
    });
    const names = passagesOf(dir);
    expect(names).toHaveLength(6000);
    expect(new Set(names).size).toBe(6000);
  });

  test("stopped with Ctrl-C says that nothing is lost", async () => {
    const dir = copyOf("clinic");
    await using cli = new Cli(["ingest", at("large.jsonl"), "--dir", dir]);
    while (stored(dir) === 0) await sleep(5);
    const { code, stderr }: Finished = await cli.stop("SIGINT");
    expect(stderr).toMatch(/what was stored stays, and the next run goes on/);
    expect(code).toBe(130);
  });
});

test("no key was ever among a process's arguments or in its output", () => {
  expectNoSecrets(folder.path);
});

function rootKeyOf(dir: string): string {
  const { founding } = JSON.parse(readFileSync(join(dir, "federation.json"), "utf8")) as {
    founding: { rootPublicKey: string };
  };
  return founding.rootPublicKey;
}

/** Passages in a node's store, while another process may be writing there. */
function stored(dir: string): number {
  try {
    const store = openNodeStore(openNode(dir));
    const { rowCount } = store;
    store.close();
    return rowCount;
  } catch {
    return 0; // the store is just being made
  }
}

function passagesOf(dir: string): string[] {
  const store = openNodeStore(openNode(dir));
  const rows = [...store.blockRevisions().keys()].flatMap((block) => store.vectorsOfBlock(block));
  const passages = store.passages(rows.map(({ rowId }) => rowId));
  store.close();
  return passages.map(({ documentId, ordinal }) => `${documentId}/${String(ordinal)}`);
}

test("doctor says so when the folder it is pointed at holds no node", async () => {
  const { code, stdout } = await sotto(["doctor", "--dir", at("nowhere")]);
  expect(stdout).toMatch(/none in .*nowhere/);
  expect(code).toBe(1);
});
