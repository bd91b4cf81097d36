import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { json } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { decode } from "cborg";
import { Cli, sottoOutput } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { FederationByHand } from "./federation-by-hand.ts";
import type { SnoopQuestion, SnoopReport, SnoopedRow } from "./snooper.ts";

/** Words that nothing else in a host's folder or messages is called. */
const PLANTED = {
  title: "Quillfeather Marmoset Regimen",
  kept: "The brindlewort infusion is halved whenever quaggamire readings exceed forty.",
  changed: "Snorkelbank transfers to Umberfield wait until Thistlegrave has countersigned them.",
  changedTo: "Snorkelbank transfers to Umberfield wait until Wobblethorpe has countersigned them.",
  removed: "Patient Zephyrine Oxlade-Pomfret was given velvetine on the fourteenth of Nonember.",
  file: "gooseberry-ledger-file",
  outsourced: "xylophone-wing",
  double: "yttrium-cellar",
  question: "why does brindlewort quaggamire outgrow zanzifoil",
};
const MODES = ["outsourced", "double"] as const;
type Mode = (typeof MODES)[number];
const PHASES = ["first", "changed", "back", "rotated"] as const;
type Phase = (typeof PHASES)[number];

const folder = temporaryFolder();
const documents = join(folder.path, "documents");
const stolen = join(folder.path, "stolen");
/** Of each phase and mode, the host's file of rows. */
const rowsFile = new Map<string, string>();
let federation: FederationByHand;

const as = (member: string, ...args: string[]): Promise<string> =>
  sottoOutput([...args, "--dir", federation.dir(member)]);
const write = (name: string, text: string): void => {
  writeFileSync(join(documents, `${PLANTED.file}-${name}.md`), `# ${PLANTED.title} ${name}\n\n${text}\n`);
};
const forEachMode = (work: (collection: string, mode: Mode) => Promise<unknown>): Promise<unknown> =>
  Promise.all(MODES.map((mode) => work(PLANTED[mode], mode)));
const ingest = (): Promise<unknown> =>
  forEachMode((collection) => as("clinic", "ingest", documents, "--collection", collection));

/** Key ids that a member's keyring has for each mode: what the host calls the collections. */
function keyIds(): Record<Mode, string> {
  const { entries } = JSON.parse(readFileSync(join(federation.dir("clinic"), "keyring.json"), "utf8")) as {
    entries: { mode: Mode; current: { id: string } }[];
  };
  const idOf = (mode: Mode): string => entries.find((entry) => entry.mode === mode)?.current.id ?? "";
  return { outsourced: idOf("outsourced"), double: idOf("double") };
}

/** The host's whole folder as it is now, with SQLite's logs and the index files. */
function steal(phase: Phase): void {
  const copy = join(stolen, phase);
  cpSync(federation.dir("hoster"), copy, { recursive: true });
  // Opening a copied file writes to it; what is searched stays as it was.
  const opened = join(folder.path, "opened", phase);
  cpSync(join(copy, "hosted"), opened, { recursive: true });
  const ids = keyIds();
  const catalogue = new DatabaseSync(join(opened, "catalogue.db"));
  const rows = catalogue.prepare("SELECT id, folder FROM collections").all() as { id: string; folder: string }[];
  catalogue.close();
  for (const mode of MODES) {
    const own = rows.find(({ id }) => id === ids[mode])?.folder ?? "";
    rowsFile.set(`${phase} ${mode}`, join(opened, own, "rows.db"));
  }
}

const fileOf = (phase: Phase, mode: Mode): string => rowsFile.get(`${phase} ${mode}`) ?? "";

/** Asks a process of its own, which is given nothing but paths and what to look for. */
async function snoop(question: Partial<SnoopQuestion>): Promise<SnoopReport> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "snooper.ts")], {
    env: {},
    stdio: ["pipe", "pipe", "inherit"],
  });
  const all: SnoopQuestion = { folders: [], planted: [], pairs: [], listed: [], ...question };
  child.stdin.end(JSON.stringify(all));
  return (await json(child.stdout)) as SnoopReport;
}

beforeAll(async () => {
  federation = await FederationByHand.found({
    folder: join(folder.path, "members"),
    members: { hub: "coordinator", hoster: "party", clinic: "querier", lab: "querier" },
    cli: { env: { SOTTO_LOG: "trace" } },
  });
  mkdirSync(documents);
  mkdirSync(join(stolen, "traffic"), { recursive: true });
  const traffic = (name: string): string => join(stolen, "traffic", name);
  await federation.coordinator.stop();
  await federation.restartCoordinator("--transcript", traffic("coordinator.transcript"));
  const recorder = pathToFileURL(join(import.meta.dirname, "record-sessions.ts")).href;
  await using host = new Cli(
    ["node", "--dir", federation.dir("hoster"), "--host-for", "clinic", "--transcript", traffic("host.transcript")],
    {
      env: {
        NODE_OPTIONS: `--import ${recorder}`,
        SOTTO_TEST_SESSIONS: traffic("sessions.transcript"),
        SOTTO_LOG: "trace",
      },
    },
  );
  await host.printed(/"serving"/);

  for (const name of ["one", "two", "three"]) write(name, `${PLANTED.kept} ${name}`);
  write("four", PLANTED.changed);
  write("five", PLANTED.removed);
  await forEachMode((collection, mode) =>
    as("clinic", "collection", "create", collection, "--mode", mode, "--host", "hoster"),
  );
  await ingest();
  await forEachMode((collection) => as("clinic", "collection", "grant", collection, "lab"));
  await as("lab", "collection", "accept", "--host", "hoster");
  expect(await as("lab", "query", PLANTED.question, "-k", "2")).toContain("brindlewort");
  steal("first");

  write("four", PLANTED.changedTo);
  rmSync(join(documents, `${PLANTED.file}-five.md`));
  await ingest();
  steal("changed");

  write("five", PLANTED.removed);
  await ingest();
  await as("clinic", "query", PLANTED.question, "-k", "2");
  steal("back");

  await forEachMode((collection) => as("clinic", "collection", "rotate", collection));
  expect(await as("lab", "query", PLANTED.question, "-k", "2")).toContain("brindlewort");
  steal("rotated");

  await host.stop();
  await federation.coordinator.stop();
  writeFileSync(traffic("host.log"), host.stdout + host.stderr);
  cpSync(join(federation.dir("hub"), "audit"), traffic("coordinator-audit"), { recursive: true });
  writeFileSync(traffic("coordinator.log"), federation.coordinator.stdout + federation.coordinator.stderr);
}, 90_000);

afterAll(async () => {
  await federation[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const planted = Object.values(PLANTED);

describe("a process that has the host's folder of every day, and all traffic of host and coordinator", () => {
  test("finds nothing of texts, titles, file names, collections' names or questions", async () => {
    const { found, bytes } = await snoop({ folders: [stolen], planted });
    expect([...new Set(found.map(({ file, encoding }) => `${encoding} in ${file}`))]).toEqual([]);
    expect(readFileSync(join(stolen, "traffic", "host.log"), "utf8")).toMatch(/"level":20,.*"act":"search"/);
    // Rows, indexes, logs and messages were there to be read.
    expect(bytes).toBeGreaterThan(1_000_000);
    const files = readdirSync(stolen, { recursive: true, encoding: "utf8" });
    for (const kind of [
      /rows\.db$/,
      /catalogue\.db/,
      /host\.log$/,
      /host\.transcript$/,
      /coordinator\.transcript$/,
      /^rotated.*audit-\d+\.jsonl$/,
      /coordinator-audit.*jsonl$/,
    ])
      expect(files.filter((file) => kind.test(file))).not.toEqual([]);
  });

  test("would find them where they are, in whatever encoding", async () => {
    const control = join(folder.path, "control");
    mkdirSync(control);
    const encodings = ["utf-8", "utf-16le", "utf-16be", "hex", "base64"];
    const text = planted.join("\n");
    writeFileSync(join(control, "utf-16le"), text, "utf16le");
    writeFileSync(join(control, "utf-16be"), Buffer.from(text, "utf16le").swap16());
    writeFileSync(join(control, "hex"), Buffer.from(text).toString("hex"));
    writeFileSync(join(control, "base64"), Buffer.from(`.${text}`).toString("base64"));
    const database = new DatabaseSync(join(control, "utf-8"));
    database.exec("CREATE TABLE passages (text TEXT)");
    database.prepare("INSERT INTO passages VALUES (?)").run(text);
    database.close();
    for (const encoding of encodings) {
      const { found } = await snoop({ folders: [control], planted });
      const here = found.filter((one) => one.encoding === encoding && one.file === join(control, encoding));
      expect(here.length).toBeGreaterThan(20);
    }
    const { found } = await snoop({ folders: [documents], planted: [PLANTED.kept, PLANTED.title, PLANTED.removed] });
    expect(new Set(found.map(({ file }) => file)).size).toBe(5);
    const message = join(control, "one.transcript");
    writeFileSync(message, `${JSON.stringify({ payload: Buffer.from(text, "utf16le").toString("base64") })}\n`);
    expect((await snoop({ folders: [control], planted })).found.filter(({ file }) => file === message)).not.toEqual([]);
  });

  test.each(MODES)(
    "sees of an %s collection which rows stay, and nothing in common between those that do not",
    async (mode) => {
      const [first, changed, back, rotated] = PHASES.map((phase) => fileOf(phase, mode)) as [
        string,
        string,
        string,
        string,
      ];
      const { alike, rows } = await snoop({
        pairs: [
          [first, changed],
          [first, back],
          [back, rotated],
          [first, rotated],
        ],
        listed: [first, changed, back, rotated],
      });
      const ids = rows.map((list) => list.map(({ id }) => id));
      const [inFirst = [], inChanged = [], inBack = [], inRotated = []] = ids;
      expect(ids.map(({ length }) => length)).toEqual([5, 4, 5, 5]);
      const stay = inFirst.filter((id) => inChanged.includes(id));
      expect(stay).toHaveLength(3);
      // Rows that did not change are left alone, so that no second ciphertext of them exists: the host sees that they stay.
      const asTheyWere = stay.map((id) => ({ ids: [id, id], columns: "id=id passage=passage vector=vector" }));
      expect(alike[0]).toEqual(asTheyWere);
      // A passage that is put back exactly as it was is a new row.
      expect(alike[1]).toEqual(asTheyWere);
      expect(inBack.filter((id) => inFirst.includes(id)).sort()).toEqual(stay.sort());
      // What was changed, and everything under another key, has nothing in common with what there was.
      expect(alike.slice(2)).toEqual([[], []]);
      expect(inRotated.filter((id) => inBack.includes(id))).toEqual([]);
      for (const list of rows) expectSizes(list);
    },
  );

  test("sees nothing in common between two collections of the same documents", async () => {
    const pairs = PHASES.map((phase) => [fileOf(phase, "outsourced"), fileOf(phase, "double")] as const);
    expect((await snoop({ pairs })).alike).toEqual(PHASES.map(() => []));
  });
});

/** Sizes say how long a passage is in steps of 512 bytes, and how many dimensions the encoder has. */
function expectSizes(rows: readonly SnoopedRow[]): void {
  for (const { passageBytes, vectorBytes } of rows) {
    expect((passageBytes - 24 - 16) % 512).toBe(0);
    expect(vectorBytes).toBe(rows[0]?.vectorBytes);
  }
}

describe("what the host does see", () => {
  const messages = (): { member: string; direction: string; message: Record<string, unknown> }[] =>
    readFileSync(join(stolen, "traffic", "sessions.transcript"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { member: string; direction: string; payload: string })
      .map(({ payload, ...line }) => ({
        ...line,
        message: decode(Buffer.from(payload, "base64")) as Record<string, unknown>,
      }));

  test("is who owns and reads a collection, how many rows it has, and when it is asked, by whom, for how many", () => {
    const seen = messages();
    const asked = (member: string, type: string) =>
      seen.filter((one) => one.member === member && one.direction === "in" && one.message["type"] === type);
    // A question is put to every collection, here one of each mode.
    for (const [member, times] of [
      ["lab", 2],
      ["clinic", 1],
    ] as const) {
      expect(asked(member, "host-search").map(({ message }) => message["candidates"])).toEqual(
        new Array(times).fill(5),
      );
      expect(asked(member, "host-score")).toHaveLength(times);
      expect(asked(member, "host-fetch")).toHaveLength(times);
    }
    expect(asked("clinic", "host-erase")).toHaveLength(2);
    const grants = asked("clinic", "host-describe").at(-1)?.message["grants"] as { member: string }[];
    expect(grants.map(({ member }) => member)).toEqual(["lab"]);
    const state = seen.findLast(({ message }) => message["type"] === "host-state")?.message;
    expect(state?.["rowCount"]).toBe(5);
    const catalogue = readFileSync(join(stolen, "rotated", "hosted", "catalogue.db"), "latin1");
    expect(catalogue).toContain("clinic");
  });

  test("is an encrypted question that is another one each time", () => {
    const vectors = messages().flatMap(({ message }) =>
      message["type"] === "host-search" ? [Buffer.from(message["vector"] as Uint8Array)] : [],
    );
    expect(vectors).toHaveLength(3);
    for (const [i, vector] of vectors.entries())
      for (const other of vectors.slice(i + 1)) {
        const same = [...vector].filter((byte, at) => byte === other[at]).length;
        // Three of four bytes of a float are as good as random; the exponent is alike.
        expect(same / vector.length).toBeLessThan(0.4);
      }
  });
});
