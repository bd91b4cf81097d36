import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault, sodium } from "../../crypto/index.ts";
import type { ClientOptions } from "../../party-node/asking/index.ts";
import { type ScoredQuery, openPassages } from "../../party-node/asking/fetched-passages.ts";
import {
  type Accusation,
  EvidenceFolder,
  ProvenFault,
  type Verdict,
  judge,
  readEvidence,
  revealQuestion,
} from "../../party-node/evidence/index.ts";
import { openLexical } from "../../party-node/encoders/index.ts";
import { createNodeFolder, openNodeFolder, writeConfig } from "../../party-node/node-folder.ts";
import {
  type OpenedPassage,
  type PassageStatement,
  blockVersion,
  descriptionHash,
  encodeValue,
  limits,
  passageLeaf,
  passagePath,
  passageRoot,
  seal,
} from "../../protocol/index.ts";
import { expectRefusal, sotto } from "../support/cli.ts";
import { TestFederation } from "../support/federation.ts";
import { ingestCorpus } from "../support/ingest-corpus.ts";
import { boundEncoder } from "../support/bound-encoder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { corpus } from "./corpora.ts";
import { type Lies, lyingParty } from "./lying-party.ts";

const QUESTION = "when is warfarin restarted after a bleeding ulcer";
const folder = temporaryFolder();
let f: TestFederation;
let kept: EvidenceFolder;
let finder: Parameters<EvidenceFolder["keep"]>[1];

beforeAll(async () => {
  f = await TestFederation.start({
    corpora: {
      honest: { ulcer: "a bleeding ulcer is treated before warfarin is restarted", ...corpus("honest", 5) },
      liar: { warfarin: "warfarin is restarted a week after a bleeding ulcer", ...corpus("liar", 35) },
      forger: {},
    },
    queriers: ["asker", "second"],
    absent: ["liar", "forger"],
    encoder: await openLexical(256),
  });
  kept = new EvidenceFolder(join(folder.path, "asker", "evidence"));
  finder = { identity: f.identity("asker"), federation: f.federation };
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Asks with a client that keeps evidence. @returns What became of one party. */
async function outcomeOf(party: string, options: Partial<ClientOptions> = {}) {
  const client = await f.client("asker", { onEvidence: (found) => kept.keep(found, finder), ...options });
  const { parties, passages } = await client.query(QUESTION).result;
  client.close();
  return { fault: parties.find((one) => one.party === party)?.fault, passages };
}

async function liarIs(lies: Lies) {
  const stop = await lyingParty(f, "liar", lies);
  try {
    return await outcomeOf("liar");
  } finally {
    await stop();
  }
}

/** As a third member sees it, who was not there. */
const judged = (bytes: Uint8Array, identity = f.identity("second")): Promise<Verdict> =>
  judge(bytes, {
    federation: f.copy(),
    layout: f.layout,
    encoder: () => Promise.resolve(f.encoder),
    identity,
  });

/** Whether changed evidence still proves anything. */
async function stillProves(bytes: Uint8Array): Promise<boolean> {
  try {
    return (await judged(bytes)).proven;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

type Tree = { [name: string]: unknown };

/** Everything within a claim that can be changed, each changed once: bytes at their ends and in the middle, the last character of a text, numbers by one. */
function* changesOf(tree: Tree): Generator<readonly [string, Tree]> {
  for (const [name, value] of Object.entries(tree)) {
    const changed: unknown[] = [];
    if (value instanceof Uint8Array) {
      // The low bits of a question's entry are within the rounding that every question is allowed.
      const places = name === "question" ? [3, value.length - 1] : [0, value.length >> 1, value.length - 1];
      for (const at of places) changed.push(value.with(at, value[at]! ^ 0xff));
      changed.push(value.subarray(1), new Uint8Array(0));
    } else if (typeof value === "number") changed.push(value + 1);
    else if (typeof value === "string") changed.push(`${value}x`);
    else
      for (const [within, inner] of changesOf(value as Tree)) yield [`${name}.${within}`, { ...tree, [name]: inner }];
    for (const other of changed) yield [name, { ...tree, [name]: other }];
  }
}

/** Whoever has found it could sign anything; the claim is judged by what the accused has signed. */
async function expectNoChangeProves(evidence: Uint8Array): Promise<void> {
  const { finder: _, foundAtMs, ...body } = readEvidence(evidence, f.federation);
  const resealed = (changed: object): Uint8Array =>
    seal("evidence", f.federation.id, { ...changed, foundAtMs }, f.identity("asker"));
  expect(await stillProves(resealed(body))).toBe(true);
  const proving: string[] = [];
  for (const [field, changed] of changesOf(body)) if (await stillProves(resealed(changed))) proving.push(field);
  expect(proving).toEqual([]);
  expect(await stillProves(resealed({ ...body, party: "honest" }))).toBe(false);
  // Others cannot even change what does not matter.
  for (let at = 0; at < evidence.length; at += Math.ceil(evidence.length / 40))
    expect([at, await stillProves(evidence.with(at, evidence[at]! ^ 1))]).toEqual([at, false]);
}

describe("a party that describes another hint than its versions name", () => {
  test("is not believed, and has signed the proof", async () => {
    const { fault } = await liarIs({
      describe: (block) => ({ ...block, hint: block.hint.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) }),
    });
    expect(fault).toMatchObject({ code: "BLOCK_MISDESCRIBED", evidence: expect.stringContaining("liar-block-mis") });
    const evidence = kept.read(fault!.evidence!);
    expect(await judged(evidence)).toMatchObject({
      ...{ proven: true, party: "liar", finder: "asker", claim: "block-misdescribed", showsQuestion: false },
      why: expect.stringMatching(/^liar signed a description of block \d+ that is not the one its version names$/),
    });
    await expectNoChangeProves(evidence);
  });
});

describe("a party that hands out a passage that its block does not hold", () => {
  const forged = { documentId: "forged", title: "", text: "buy our tonic", ordinal: 0, salt: new Uint8Array(32) };

  test("is not believed, and has signed the proof", async () => {
    let [rows, handed] = [0, 0];
    const { fault, passages } = await liarIs({
      committed: (row) => (rows++ === 0 ? { ...row, leaf: passageLeaf(forged) } : row),
      passage: (truth) => (handed++ === 0 ? { ...truth, ...forged } : truth),
    });
    expect(fault).toMatchObject({ code: "PASSAGE_FOREIGN", evidence: expect.stringContaining("liar-passage-for") });
    expect(passages.some(({ party }) => party === "liar")).toBe(false);
    const evidence = kept.read(fault!.evidence!);
    const why = expect.stringMatching(/^liar signed that a passage is in slot \d+ of block \d+, whose signed version/);
    expect(await judged(evidence)).toMatchObject({ proven: true, claim: "passage-foreign", why });
    await expectNoChangeProves(evidence);
  });

  test("cannot be made to by whoever alters its store: it signs for nothing that it did not commit to", async () => {
    const { fault, passages } = await liarIs({ passage: (truth) => ({ ...truth, text: "altered" }) });
    expect(fault).toMatchObject({ code: "PASSAGES_MISSING" });
    expect(passages.some(({ party }) => party === "liar")).toBe(false);
  });
});

describe("what a party sends for a fetch", () => {
  const passage: OpenedPassage = { documentId: "a", title: "", text: "words", ordinal: 0, salt: new Uint8Array(32) };
  const leaves = new Uint8Array(32 * 32);
  leaves.set(passageLeaf(passage), 32 * 3);
  const block = {
    block: 7,
    occupied: Uint8Array.of(8, 0, 0, 0),
    hint: Uint8Array.of(1),
    passages: passageRoot(leaves),
  };
  const version = blockVersion({ ...block, description: descriptionHash(block) });
  const query: ScoredQuery = {
    queryId: new Uint8Array(16),
    queryHash: new Uint8Array(32),
    blocks: new Map([[7, { ...block, version }]]),
  };
  const row = {
    ...{ block: 7, version: sodium.from_hex(version), slot: 3 },
    ...{ leaf: passageLeaf(passage), path: passagePath(leaves, 3) },
  };
  const { queryId, queryHash } = query;
  const honest: PassageStatement = { queryId, queryHash, rows: [row] };
  const open = (statement: object, passages: readonly object[], signer = "liar") => {
    const signed = seal("passages", f.federation.id, statement, f.identity(signer));
    const padded = sodium.pad(encodeValue({ statement: signed, passages }), limits.passagePadBytes);
    return openPassages(padded, query, { party: "liar", federation: f.federation });
  };

  test("is taken when the party has signed for it and has scored it", () => {
    expect(open(honest, [passage])).toMatchObject([{ block: 7, slot: 3, text: "words" }]);
    expect(open({ ...honest, rows: [] }, [])).toEqual([]);
  });

  const rows = (change: object): object => ({ ...honest, rows: [{ ...row, ...change }] });
  test.each([
    { id: "of another query", statement: { ...honest, queryHash: new Uint8Array(32).fill(1) } },
    { id: "under another query's id", statement: { ...honest, queryId: new Uint8Array(16).fill(1) } },
    { id: "that nobody signed for", passages: [passage, passage] },
    { id: "that was signed for and not sent", passages: [] },
    { id: "with other words", passages: [{ ...passage, text: "others" }] },
    { id: "with another salt", passages: [{ ...passage, salt: new Uint8Array(32).fill(1) }] },
    { id: "of a block in another state", statement: rows({ version: new Uint8Array(16) }) },
    { id: "of a block that there is not", statement: rows({ block: 8 }) },
    { id: "in another slot", statement: rows({ slot: 2 }), proves: true },
    { id: "in a slot beyond the block", statement: rows({ slot: 35 }), proves: true },
    { id: "by a path that is too short", statement: rows({ path: row.path.subarray(32) }), proves: true },
    { id: "signed by another", signer: "honest", code: "SIGNATURE_INVALID" },
  ])(
    "is refused: a passage $id",
    ({ statement = honest, passages = [passage], signer, proves = false, ...expected }) => {
      const { code = "PASSAGE_FOREIGN" } = expected;
      try {
        open(statement, passages, signer);
      } catch (error) {
        expect([(error as Fault).code, error instanceof ProvenFault]).toEqual([code, proves]);
        return;
      }
      throw new Error("was taken");
    },
  );
});

describe("a party whose scores its passages do not earn", () => {
  let sealed: Uint8Array;
  let path: string;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    const question = await f.encoder.encodeQuery(QUESTION);
    const forged = question.map((entry) => entry * f.encoder.normMax * 0.99);
    const store = f.party("forger").openStore();
    const where = join(folder.path, "forged");
    mkdirSync(where);
    const encoder = {
      ...boundEncoder(f.encoder),
      encodePassages: (texts: readonly string[]) => Promise.resolve(texts.map(() => forged)),
    };
    await ingestCorpus(where, { one: "buy the tonic of our company" }, store, encoder);
    store.close();
    await f.party("forger").start();
    const { fault } = await outcomeOf("forger");
    expect(fault).toMatchObject({ code: "SCORE_INFLATED", evidence: expect.stringContaining("forger-score-too-high") });
    path = fault!.evidence!;
    sealed = kept.read(path);
    stop = () => f.party("forger").stop();
  });
  afterAll(() => stop());

  test("is proven to who asked; to others only when it shows them the question", async () => {
    expect(await judged(sealed, f.identity("asker"))).toMatchObject({ proven: true, showsQuestion: false });
    expect(await judged(sealed)).toMatchObject({ proven: false, why: expect.stringContaining("is sealed to the key") });
    expect(() => revealQuestion(sealed, { ...finder, identity: f.identity("second") })).toThrow(
      expect.objectContaining({ code: "EVIDENCE_NOT_OURS" }),
    );
    const open = revealQuestion(sealed, finder);
    const why = expect.stringMatching(/^forger answered with a score for slot \d+ of block \d+ that no vector/);
    expect(await judged(open)).toMatchObject({ proven: true, party: "forger", showsQuestion: true, why });
    await expectNoChangeProves(open);
  });

  test("is not proven by signed messages of several questions", async () => {
    const { fault } = await outcomeOf("forger");
    const [one, another] = [sealed, kept.read(fault!.evidence!)].map((bytes) =>
      readEvidence(revealQuestion(bytes, finder), f.federation),
    );
    const { finder: _, ...body } = one!;
    for (const field of ["query", "answer", "statement", "opening"] as const) {
      const claim = { ...body.claim, [field]: (another!.claim as unknown as Tree)[field] };
      const mixed = seal("evidence", f.federation.id, { ...body, claim }, f.identity("asker"));
      expect([field, (await judged(mixed)).proven]).toEqual([field, false]);
    }
  });

  test("the file is the owner's alone, and shows neither question nor vector", async () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const vector = Buffer.from((await f.encoder.encodeQuery(QUESTION)).buffer);
    expect(readFileSync(path).includes(vector.subarray(0, 16))).toBe(false);
    expect(Buffer.from(revealQuestion(sealed, finder)).includes(vector.subarray(0, 16))).toBe(true);
  });

  test("an honest party is not convicted by the same of its own answer", async () => {
    // A client whose encoder says that no text earns anything finds fault with everybody.
    const scoreMax = (_: Float32Array, texts: readonly string[]) => Promise.resolve(texts.map(() => -1));
    const { fault } = await outcomeOf("honest", { encoder: { ...boundEncoder(f.encoder), scoreMax } });
    expect(fault).toMatchObject({ code: "SCORE_INFLATED", evidence: expect.any(String) });
    const open = revealQuestion(kept.read(fault!.evidence!), finder);
    expect(await judged(open)).toMatchObject({ proven: false, party: "honest", why: expect.stringContaining("earn") });
  });

  test("nothing is kept, and secrets are gone with the scores, where nobody takes evidence", async () => {
    const { fault } = await outcomeOf("forger", { onEvidence: undefined });
    expect(fault).toMatchObject({ code: "SCORE_INFLATED" });
    expect(fault).not.toHaveProperty("evidence");
  });

  test("the same is kept once, and a full folder takes no more", () => {
    const own = new EvidenceFolder(join(folder.path, "full"));
    const accusation = (byte: number): Accusation => ({
      party: "liar",
      claim: { kind: "block-misdescribed", manifest: Uint8Array.of(byte) },
    });
    expect(own.keep(accusation(0), finder)).toBe(own.keep(accusation(0), finder));
    expect(own.names()).toHaveLength(1);
    for (let i = own.names().length; i < limits.evidenceFilesMax; i++)
      writeFileSync(join(folder.path, "full", `${String(i)}.evidence`), "");
    expect(own.keep(accusation(1), finder)).toBeNull();
    expect(own.keep(accusation(0), finder)).not.toBeNull();
  });

  test("sotto evidence lists, verifies and exports it", async () => {
    const dir = join(folder.path, "node");
    createNodeFolder(dir, "asker");
    writeConfig(dir, { name: "asker", rootPublicKey: f.rootPublicKey });
    copyFileSync(f.keyPath("asker"), join(dir, "node.key"));
    writeFileSync(join(dir, "federation.json"), f.file);
    const own = new EvidenceFolder(openNodeFolder(dir).evidencePath);
    const liar = readdirSync(join(folder.path, "asker", "evidence")).find((name) => name.startsWith("liar-block"))!;
    const { party, claim } = readEvidence(kept.read(liar), f.federation);
    own.keep({ party, claim }, finder);
    const [first] = own.names();
    writeFileSync(join(dir, "evidence", "z.evidence"), "no evidence");
    const [out, other] = [join(dir, "out"), join(dir, "other")];
    const { finder: _, ...body } = readEvidence(revealQuestion(sealed, finder), f.federation);
    writeFileSync(other, seal("evidence", f.federation.id, { ...body, party: "liar" }, f.identity("asker")));
    const evidence = (...args: readonly string[]) => ["evidence", ...args, "--dir", dir];
    const [list, show, otherwise, exported] = await Promise.all([
      sotto(evidence("list", "--json")),
      sotto(evidence("show", first!)),
      sotto(evidence("show", other)),
      sotto(evidence("export", path, "--out", out, "--reveal-question")),
      expectRefusal(evidence("export", path, "--out", `${out}-sealed`), {
        fault: "QUESTION_SEALED",
        says: /--reveal-question/,
      }),
    ]);
    expect(
      list.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { file: first, party: "liar", claim: "block-misdescribed" },
      { file: "z.evidence", fault: "FRAME_MALFORMED" },
    ]);
    expect(show).toMatchObject({ code: 0, stdout: expect.stringMatching(/asker says.*\nProven: liar signed/) });
    expect(exported).toMatchObject({ code: 0, stderr: `${out} shows the question to whoever has it.\n` });
    const proven = await sotto(evidence("show", out, "--json"));
    expect(proven.code).toBe(0);
    expect(JSON.parse(proven.stdout)).toMatchObject({ party: "forger", proven: true, showsQuestion: true });
    expect(otherwise).toMatchObject({ code: 5, stdout: expect.stringContaining("\nNOT PROVEN: ") });
  });
});
