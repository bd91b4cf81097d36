import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { appendFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CitedPassage, PartyOutcome } from "../../index.ts";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { plaintextTop } from "../../cli/plaintext-search.ts";
import { findSecrets } from "../../cli/process-view.ts";
import { openFederation } from "../../protocol/index.ts";
import { writeRights } from "../../party-node/serving/index.ts";
import { Cli, type Finished, expectNoSecrets, expectRefusal, sotto, sottoOutput } from "../support/cli.ts";
import { until } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { FederationByHand } from "./federation-by-hand.ts";

const CORPORA: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  clinic: {
    warfarin: "Warfarin may be restarted on day seven, when haemoglobin has stayed above eighty.",
    handover: "The night handover takes place in the ward office at eight, with every chart open.",
    fridge: "Insulin in use keeps for four weeks outside the fridge; write the opening date on it.",
    falls: "After a fall, look at the hips first and at the medication chart second.",
  },
  library: {
    fines: "Late fines are forgiven for everybody under sixteen, and at Christmas for all.",
    loans: "A loan lasts three weeks and is renewed twice unless another reader waits.",
    quiet: "The quiet room under the dome closes one hour before the library does.",
    fridge: "The staff fridge is emptied on Friday at four; what is unlabelled is thrown away.",
  },
  bank: {
    mortgage: "Mortgage payments may be paused for three months after losing a job.",
    cheques: "Cheques clear by the second working day, also between branches.",
    vault: "Two keys open the vault, and no person ever carries both of them.",
    holidays: "Staff take two unbroken weeks of holidays a year, so that frauds come to light.",
  },
};
const PARTIES = Object.keys(CORPORA);
const QUESTIONS = [
  "when may warfarin be restarted",
  "is the fridge emptied on friday",
  "who opens the vault with two keys",
  "pause mortgage payments after losing a job",
];

interface Answer {
  readonly passages: readonly CitedPassage[];
  readonly parties: readonly PartyOutcome[];
}

const folder = temporaryFolder();
const nodes = new Map<string, Cli>();
let federation: FederationByHand;

const corpus = (party: string): string => join(folder.path, "documents", party);
const ask = (question: string, ...more: string[]): Promise<Finished> =>
  sotto(["query", question, "--dir", federation.dir("asker"), ...more]);
const read = ({ stdout }: Finished): Answer => JSON.parse(stdout) as Answer;
const keyOf = ({ party, documentId, ordinal }: Omit<CitedPassage, "text" | "title">): string =>
  `${party}/${documentId}/${String(ordinal)}`;
const faultOf = ({ parties }: Answer, name: string): string | undefined =>
  parties.find(({ party }) => party === name)?.fault?.code;
const node = (name: string): Cli => nodes.get(name) as Cli;
/** Every node and coordinator that ever ran. */
const servers: Cli[] = [];
const serve = async (name: string): Promise<void> => {
  nodes.set(name, await federation.serve(name, "--metrics-port", "0"));
  servers.push(node(name));
};
/** What was asked, and how well it was answered. */
const scores: number[] = [];

/** The question is answered in full again, within a few tries: a party that comes back takes a moment to be listed. */
async function expectAllBack(): Promise<void> {
  for (let tries = 10; ; tries--) {
    const finished = await ask("warfarin", "--json", "--timeout", "5");
    if (finished.code === 0) return;
    if (tries === 0) throw new Error(`not all parties are back: ${finished.stdout}${finished.stderr}`);
  }
}

beforeAll(async () => {
  federation = await FederationByHand.found({
    folder: folder.path,
    members: { hub: "coordinator", clinic: "party", library: "party", bank: "party", asker: "querier" },
    // Whatever a server may ever say, it says here; the last tests look through it.
    cli: { env: { SOTTO_LOG: "trace" } },
  });
  servers.push(federation.coordinator);
  for (const [party, documents] of Object.entries(CORPORA)) {
    mkdirSync(corpus(party), { recursive: true });
    for (const [name, text] of Object.entries(documents)) writeFileSync(join(corpus(party), `${name}.txt`), text);
  }
  await Promise.all(PARTIES.map((party) => federation.ingest(party, corpus(party))));
  await Promise.all(PARTIES.map(serve));
});

afterAll(async () => {
  await Promise.all([...nodes.values(), federation].map((one) => one[Symbol.asyncDispose]()));
  folder[Symbol.dispose]();
});

test.each(QUESTIONS)("the passages for %p are those of a plaintext search", async (question) => {
  const finished = await ask(question, "--json", "-k", "4");
  expect(finished).toMatchObject({ code: 0, stderr: "" });
  const { passages, parties } = read(finished);
  scores.push(...passages.map(({ score }) => score));
  const encoder = await openEncoder("lexical");
  const folders = PARTIES.map((party) => federation.dir(party));
  const plain = plaintextTop(folders, await encoder.encodeQuery(question), 12);
  await encoder.close();
  // Passages closer than the noise of a score (0.005) may change places: the ranking is compared down to the first such tie.
  const tie = plain.findIndex(({ score }, i) => score - (plain[i + 1]?.score ?? -Infinity) < 0.03);
  const sure = Math.min(4, tie);
  expect(sure).toBeGreaterThan(0);
  expect(passages).toHaveLength(4);
  expect(passages.slice(0, sure).map(keyOf)).toEqual(plain.slice(0, sure).map(keyOf));
  for (const [i, { score }] of passages.entries()) expect(score).toBeCloseTo(plain[i]?.score ?? NaN, 1);
  expect(passages[0]?.text).toBe(
    CORPORA[passages[0]?.party ?? ""]?.[passages[0]?.documentId.replace(".txt", "") ?? ""],
  );
  expect(parties.map(({ party, status, passagesScored }) => [party, status, passagesScored]).sort()).toEqual(
    [...PARTIES].sort().map((party) => [party, "answered", 4]),
  );
});

test("the answer for people cites party and document, and each party is reported as it answers", async () => {
  const { code, stdout, stderr } = await ask(QUESTIONS[0] ?? "", "-k", "1");
  expect(stdout).toMatch(/^\n\[1\] clinic · warfarin\.txt {2}score \d\.\d{3}\n {4}Warfarin may be restarted/);
  expect(stdout).not.toContain("[2]");
  for (const party of PARTIES) expect(stderr).toMatch(new RegExp(`answered +${party} +4 passages scored, \\d+ ms`));
  expect(code).toBe(0);
});

test("a node says how many questions of one querier it answers", async () => {
  await node("clinic").printed(/"questions":64,"days":30.*"query budget of each querier"/);
});

test("a node takes up who may ask while it runs, and says so to whom it refuses", async () => {
  const path = join(federation.dir("clinic"), "rights.json");
  const right = { mayQuery: true, questions: null, days: null, passages: 32 };
  writeRights(path, { default: right, members: new Map([["asker", { ...right, mayQuery: false }]]) });
  await node("clinic").printed(/"members":1,"msg":"rights changed"/);
  const { stderr } = await ask(QUESTIONS[0] ?? "", "-k", "1");
  expect(stderr).toMatch(/missing +clinic +NOT_ALLOWED/);
  writeRights(path, { default: right, members: new Map() });
  await node("clinic").printed(/"members":0,"msg":"rights changed"/);
});

test("a node's port says that it serves, and how much, and names nobody", async () => {
  const [, port = ""] = await node("clinic").printed(/"port":(\d+),"msg":"serving metrics"/);
  const page = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  expect(await page("/healthz")).toBe(`ok\ncoordinator ws://127.0.0.1:${String(federation.port)} reached\n`);
  const metrics = await page("/metrics");
  expect(metrics).toMatch(/^sotto_queries_total\{outcome="answered"\} [1-9]/m);
  expect(metrics).toMatch(/^sotto_scoring_seconds_count [1-9]/m);
  expect(metrics).toMatch(/^sotto_bytes_total\{direction="in"\} \d{6,}/m);
  expect(metrics).not.toMatch(/asker|hub/);
});

test("a question can come from standard input, where no process list shows it", async () => {
  const finished = await sotto(["query", "-", "--dir", federation.dir("asker"), "--json", "-k", "1"], {
    input: `${QUESTIONS[2] ?? ""}\n`,
  });
  expect(finished.code).toBe(0);
  expect(read(finished).passages.map(keyOf)).toEqual(["bank/vault.txt/0"]);
});

test("a file that is ingested while the node serves is found within two seconds, and gone again once deleted", async () => {
  const added = join(corpus("library"), "telescope.md");
  writeFileSync(added, "# Telescope\n\nThe rooftop telescope is lent on cloudless Tuesdays.\n");
  const titleOf = async (): Promise<string[]> => {
    const { passages, parties } = read(await ask("rooftop telescope cloudless", "--json", "-k", "3"));
    expect(parties.filter(({ fault }) => fault)).toEqual([]);
    return passages.map(({ documentId }) => documentId);
  };
  expect(await federation.ingest("library", added)).toMatch(/1 added/);
  await node("library").printed(/"passages":5,"msg":"collection changed"/, 2000);
  expect((await titleOf())[0]).toBe("telescope.md");

  appendFileSync(added, "\nIn winter it stays in its cupboard.\n");
  expect(await federation.ingest("library", added)).toMatch(/0 added, 1 changed/);
  rmSync(added);
  expect(await federation.ingest("library", corpus("library"))).toMatch(/1 removed; 4 passages in the store/);
  await node("library").printed(/"passages":5,.*"passages":4,"msg":"collection changed"/s, 2000);
  expect(await titleOf()).not.toContain("telescope.md");
});

test("a node that was stopped with Ctrl-C is named as offline, the others answer, and it comes back", async () => {
  expect(await node("bank").stop("SIGINT")).toMatchObject({ code: 0, signal: null });

  const json = await ask("mortgage fridge", "--json");
  expect(json.code).toBe(4);
  const answer = read(json);
  expect(faultOf(answer, "bank")).toBe("PARTY_OFFLINE");
  expect(answer.passages).toHaveLength(5);
  expect(new Set(answer.passages.map(({ party }) => party))).toEqual(new Set(["clinic", "library"]));

  const people = await ask("mortgage fridge");
  expect(people.code).toBe(4);
  expect(people.stderr).toMatch(/missing +bank {2}PARTY_OFFLINE: /);
  expect(people.stdout).toMatch(/\[1\] (clinic|library) · fridge\.txt/);

  await serve("bank");
  const back = await ask("mortgage", "--json", "-k", "1");
  expect(back.code).toBe(0);
  expect(read(back).passages.map(keyOf)).toEqual(["bank/mortgage.txt/0"]);
});

test("a node that was killed with -9 is missing, loses nothing and comes back", async () => {
  expect(await node("clinic").stop("SIGKILL")).toMatchObject({ signal: "SIGKILL" });
  const during = await ask("warfarin fridge", "--json");
  expect(during.code).toBe(4);
  expect(faultOf(read(during), "clinic")).toBe("PARTY_OFFLINE");
  expect(read(during).passages[0]).toMatchObject({ party: "library", documentId: "fridge.txt" });
  await serve("clinic");
  expect(`${node("clinic").stdout}${node("clinic").stderr}`).toMatch(/"blocks":1,"restored":1,.*"collection loaded"/);
  const back = await ask("warfarin", "--json", "-k", "1");
  expect(back.code).toBe(0);
  expect(read(back).passages.map(keyOf)).toEqual(["clinic/warfarin.txt/0"]);
});

test("a party that is too slow misses the deadline, and the others' answers come", async () => {
  node("library").kill("SIGSTOP");
  const began = performance.now();
  try {
    const finished = await ask("warfarin vault", "--json", "-k", "2", "--timeout", "2");
    const answer = read(finished);
    expect(faultOf(answer, "library")).toBe("DEADLINE_EXCEEDED");
    expect(answer.passages.map(keyOf).sort()).toEqual(["bank/vault.txt/0", "clinic/warfarin.txt/0"]);
    // Two seconds for connecting, two for the question, and the start of the process; a session's own time limit is ten.
    expect(performance.now() - began).toBeLessThan(9000);
    expect(finished.code).toBe(4);
  } finally {
    node("library").kill("SIGCONT");
  }
  await expectAllBack();
});

test("a member that the founder removes is refused, and asks again once it is added, while all others run on", async () => {
  const { members } = openFederation(readFileSync(federation.file, "utf8"), federation.rootKey).terms;
  const { publicKey } = members.find(({ name }) => name === "asker")!;
  // Who is connected when it is removed gets the file that says so, and then does not come back by itself: wait until the coordinator has it.
  const publish = async (): Promise<void> => {
    const hub = federation.dir("hub");
    await sottoOutput(["federation", "join", federation.file, "--root", federation.rootKey, "--dir", hub]);
    const { revision } = openFederation(readFileSync(federation.file, "utf8"), federation.rootKey).terms;
    await federation.coordinator.printed(new RegExp(`"revision":${String(revision)},.*federation changed`));
  };
  const asked = async (expected: number): Promise<Finished> => {
    for (let tries = 10; ; tries--) {
      const finished = await ask("warfarin", "--timeout", "5");
      if (finished.code === expected || tries === 0) return finished;
    }
  };
  await sottoOutput(["federation", "remove", "asker", "--dir", folder.path]);
  await publish();
  expect((await asked(2)).stderr).toMatch(/^error NOT_A_MEMBER/m);
  await sottoOutput(["federation", "add", "asker", "--key", publicKey, "--role", "querier", "--dir", folder.path]);
  await publish();
  expect(await asked(0)).toMatchObject({ code: 0 });
  await expectRefusal(["federation", "remove", "nobody", "--dir", folder.path], {
    fault: "MEMBER_UNKNOWN",
    says: /sotto federation show/,
  });
});

test("who is invited joins by one line, and asks, while all others run on", async () => {
  const inviting = ["--name", "guest", "--role", "querier", "--expires", "2h", "--dir", folder.path];
  const invitation = await sottoOutput(["federation", "invite", ...inviting]);
  await expectRefusal(["federation", "invite", ...inviting], { fault: "NAME_TAKEN", says: /federation remove guest/ });
  await sottoOutput([
    "federation",
    "join",
    federation.file,
    "--root",
    federation.rootKey,
    "--dir",
    federation.dir("hub"),
  ]);
  const here = ["--coordinator-url", `ws://127.0.0.1:${String(federation.port)}`];
  let joined: Finished;
  for (let tries = 10; ; tries--) {
    joined = await sotto(["federation", "join", "-", "--dir", federation.dir("guest"), ...here], { input: invitation });
    if (joined.code === 0 || tries === 0) break;
  }
  expect(joined.stdout).toMatch(/^Joined "By hand" .*sotto query/);
  const finished = await sotto(["query", "warfarin", "--dir", federation.dir("guest"), "--json", "-k", "1"]);
  expect(read(finished).passages.map(keyOf)).toEqual(["clinic/warfarin.txt/0"]);
  const log = await sottoOutput(["federation", "log", "--dir", federation.dir("guest")]);
  expect(log).toMatch(/founder +│ invited guest \(querier\) until .*\n(.*\n)*.*guest +│ joined by invitation/);
  const said = servers.map(({ stdout, stderr }) => stdout + stderr).join("");
  expect(said).toMatch(/"member":"guest","msg":"joined by invitation"/);
  expect(said).not.toContain(invitation.slice(40, 80));
});

test("a party and the coordinator get other keys while they run, and answer on; what they keep can be read", async () => {
  const keyOfMember = (name: string): string | undefined =>
    openFederation(
      readFileSync(join(federation.dir("library"), "federation.json"), "utf8"),
      federation.rootKey,
    ).terms.members.find((member) => member.name === name)?.publicKey;
  for (const name of ["clinic", "hub"]) {
    const before = keyOfMember(name);
    await sottoOutput(["federation", "rotate-key", "--dir", federation.dir(name)]);
    // A third member hears of it from the coordinator that runs.
    await until(() => keyOfMember(name) !== before);
  }
  await expectAllBack();
  const json = await sottoOutput(["audit", "verify", "--json", "--dir", federation.dir("clinic")]);
  expect(JSON.parse(json)).toMatchObject({ member: "clinic" });
  expect(node("clinic").stdout + node("clinic").stderr).not.toMatch(/NOT_A_MEMBER/);
});

test("a coordinator stops cleanly on Ctrl-C, and every party finds the next one by itself", async () => {
  expect(await federation.coordinator.stop("SIGINT")).toMatchObject({ code: 0, signal: null });
  const { code, stderr } = await ask("warfarin");
  expect(stderr).toMatch(/^error CONNECTION_REFUSED: .*is it running/);
  expect(code).toBe(2);
  await federation.restartCoordinator();
  servers.push(federation.coordinator);
  await expectAllBack();
});

test("a polite kill ends a node and a coordinator with exit code 0 too", async () => {
  for (const party of PARTIES) expect(await node(party).stop("SIGTERM")).toMatchObject({ code: 0, signal: null });
  expect(await federation.coordinator.stop("SIGTERM")).toMatchObject({ code: 0, signal: null });
});

test("every member's audit log holds over restarts and kills, and says what was asked of it", async () => {
  const show = async (name: string): Promise<{ kind: string; member?: string; passages?: number }[]> =>
    (await sottoOutput(["audit", "show", "--json", "--dir", federation.dir(name)]))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string });
  const [clinic = [], hub = []] = await Promise.all(["clinic", "hub"].map(show));
  // Killed once, stopped once.
  const count = (kind: string): number => clinic.filter((entry) => entry.kind === kind).length;
  expect([count("started"), count("stopped")]).toEqual([2, 1]);
  const answered = clinic.find(({ kind }) => kind === "query-answered");
  expect(answered).toMatchObject({ member: "asker", passages: 4 });
  expect(count("fetch-delivered")).toBeGreaterThan(3);
  expect(hub.filter(({ kind, member }) => kind === "carried" && member === "asker")).not.toEqual([]);
});

test("no server ever printed or kept in its log a question, a text, a title, a vector or a score", async () => {
  const logs = ["hub", ...PARTIES].flatMap((name) => {
    const path = join(federation.dir(name), "audit");
    return readdirSync(path).map((file) => readFileSync(join(path, file), "utf8"));
  });
  const seen = [...servers.map(({ stdout, stderr }) => stdout + stderr), ...logs].join("\n");
  expect(seen).toMatch(/"level":20,.*"kind":"query-answered"/);
  expect(seen.length).toBeGreaterThan(20_000);
  const encoder = await openEncoder("lexical");
  const texts = Object.values(CORPORA).flatMap((documents) => Object.values(documents));
  const embeddings = await Promise.all([...QUESTIONS, ...texts].map((text) => encoder.encodeQuery(text)));
  await encoder.close();
  expect(findSecrets(Buffer.from(seen), { questions: QUESTIONS, embeddings, passages: texts })).toEqual([]);
  const names = Object.values(CORPORA).flatMap((documents) => Object.keys(documents));
  const words = [...QUESTIONS, ...texts, ...names].flatMap((text) => text.toLowerCase().match(/[a-z]{7,}/g) ?? []);
  // A party is called like one of the words.
  expect(words.filter((word) => !PARTIES.includes(word) && seen.toLowerCase().includes(word))).toEqual([]);
  const digits = [...scores, ...embeddings.flatMap((vector) => [...vector])].map((value) => String(Math.abs(value)));
  const numbers = digits.filter((text) => text.length > 8).map((text) => text.slice(0, 8));
  expect(numbers.length).toBeGreaterThan(100);
  expect(numbers.filter((text) => seen.includes(text))).toEqual([]);
});

test("no key was ever among a process's arguments or in its output", () => {
  expectNoSecrets(folder.path);
});
