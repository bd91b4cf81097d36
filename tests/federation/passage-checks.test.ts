import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { ringLayout } from "../../crypto/index.ts";
import { printPassages } from "../../cli/print-passages.ts";
import { checkPassages } from "../../party-node/asking/passage-checks.ts";
import { checkQueryOptions } from "../../party-node/asking/query-options.ts";
import type { CitedPassage } from "../../party-node/asking/result.ts";
import { isWordSalad } from "../../party-node/asking/word-salad.ts";
import { encoderInput } from "../../party-node/documents/index.ts";
import { type Encoder, openLexical } from "../../party-node/encoders/index.ts";
import { loadBeirCorpus } from "../../simulations/beir.ts";
import { TestFederation } from "../support/federation.ts";
import { ingestCorpus } from "../support/ingest-corpus.ts";
import { boundEncoder } from "../support/bound-encoder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { corpus } from "./corpora.ts";

const QUESTION = "when is warfarin restarted after a bleeding ulcer";
const HONEST = {
  warfarin: "warfarin is restarted on the seventh day after a bleeding ulcer",
  ulcer: "a bleeding ulcer is treated before warfarin is restarted",
  mortgage: "the bank pauses a mortgage for three months",
};
const ADVERTISEMENT = "buy the tonic of our company";
const SALAD =
  "warfarin restart ulcer bleed anticoagulant haemoglobin gastric dose clinic ward pharmacist stable day week patient";

/** Stores the question's own vector, as long as may be, with whatever text. */
async function forging(encoder: Encoder): Promise<Encoder> {
  const question = await encoder.encodeQuery(QUESTION);
  const forged = question.map((entry) => entry * encoder.normMax * 0.99);
  return { ...boundEncoder(encoder), encodePassages: (texts) => Promise.resolve(texts.map(() => forged.slice())) };
}

describe.each([
  ["an encoder without statistics", undefined],
  ["the lexical encoder", await openLexical(256)],
])("with %s, a party that stores other vectors than its passages have", (_, encoder) => {
  let f: TestFederation;
  const folder = temporaryFolder();
  beforeAll(async () => {
    f = await TestFederation.start({
      corpora: { alpha: HONEST, beta: corpus("beta", 5), liar: {} },
      ...(encoder ? { encoder } : {}),
      absent: ["liar"],
    });
    const path = join(folder.path, "liar");
    mkdirSync(path);
    const store = f.party("liar").openStore();
    const texts = { one: ADVERTISEMENT, two: `${ADVERTISEMENT}, now`, three: `${ADVERTISEMENT}, today` };
    await ingestCorpus(path, texts, store, await forging(f.encoder));
    store.close();
    await f.party("liar").start();
  });
  afterAll(async () => {
    await f[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test("is named, and its passages are left out", async () => {
    const client = await f.client();
    const { passages, parties } = await client.query(QUESTION, { k: 2 }).result;
    expect(passages.map(({ documentId }) => documentId)).toEqual(["warfarin"]);
    const faults = Object.fromEntries(parties.map(({ party, fault }) => [party, fault?.code]));
    expect(faults).toEqual({ alpha: undefined, beta: undefined, liar: "SCORE_INFLATED" });
    const reason = parties.find(({ party }) => party === "liar")?.fault?.reason ?? "";
    expect(reason).toBe("2 of its passages have words that cannot earn the score it sent; they were left out");
  });

  test("is shown and marked if that is wanted", async () => {
    const client = await f.client();
    const { passages, parties } = await client.query(QUESTION, { k: 2, keepInflated: true }).result;
    expect(passages.map(({ party, suspect }) => [party, suspect])).toEqual([
      ["liar", ["score-too-high"]],
      ["liar", ["score-too-high"]],
    ]);
    expect(parties.find(({ party }) => party === "liar")?.fault?.code).toBe("SCORE_INFLATED");
  });

  test("keeps fewer of the others out where a party has at most one passage", async () => {
    const client = await f.client();
    const { passages } = await client.query(QUESTION, { k: 3, partyMax: 1, keepInflated: true }).result;
    expect(passages.map(({ party }) => party)).toEqual(["liar", "alpha", "beta"]);
  });
});

describe("passages", () => {
  const passage = (text: string, score: number, collection?: string): CitedPassage => ({
    ...{ party: "alpha", documentId: "a", title: "", text, ordinal: 0, score },
    ...(collection === undefined ? {} : { collection }),
  });
  const options = { keepInflated: false, dropSuspects: false };

  test("earn a score up to what their words can and the scheme's error, and no more", async () => {
    const encoder = await openLexical(1024);
    const { dim, normMax } = encoder;
    const layout = ringLayout({ dim, normMax, chunk: 64, scoreBits: 14, seed: new Uint8Array(32) });
    const question = await encoder.encodeQuery(QUESTION);
    const [earned] = await encoder.scoreMax(question, [HONEST.warfarin]);
    const check = async (score: number) =>
      checkPassages([passage(HONEST.warfarin, score, "notes")], question, { ...options, encoder, layout });
    expect((await check(earned!)).passages).toHaveLength(1);
    const { passages, faults } = await check(earned! + 0.25);
    expect(passages).toEqual([]);
    expect([...faults.keys()]).toEqual(["alpha/notes"]);
    expect((await check(NaN)).passages).toEqual([]);
  });

  test("that are a row of words are marked, and left out if that is wanted", async () => {
    await using f = await TestFederation.start({ corpora: { alpha: { ...HONEST, salad: SALAD } } });
    const client = await f.client();
    const marked = await client.query(QUESTION).result;
    expect(marked.passages.flatMap(({ documentId, suspect }) => (suspect ? [[documentId, suspect]] : []))).toEqual([
      ["salad", ["no-sentences"]],
    ]);
    const dropped = await client.query(QUESTION, { dropSuspects: true }).result;
    expect(dropped.passages.map(({ documentId }) => documentId).toSorted()).toEqual(["mortgage", "ulcer", "warfarin"]);
    expect(dropped.parties.every(({ fault }) => fault === undefined)).toBe(true);
  });

  test.each([
    [SALAD, true],
    [SALAD.split(" ").slice(0, 13).join(" "), false],
    [SALAD.replace("dose", "and"), false],
    [SALAD.split(" ").join(", "), false],
    ["Варфарин назначают снова через семь дней после того как кровотечение из язвы остановлено врач решает", false],
    ["", false],
  ])("are words without sentences or not: %s", (text, expected) => {
    expect(isWordSalad(text)).toBe(expected);
  });

  const beir = "../shared/data/beir";
  (existsSync(beir) ? test : test.skip).each(["cranfield", "policyqa", "pubmedqa", "tatqa", "xquad-en"])(
    "that are honest are no row of words: ../shared/data/beir/%s (skipped where that is absent)",
    async (set) => {
      const documents = await loadBeirCorpus(join(beir, set, "corpus.jsonl"));
      expect(documents.filter((document) => isWordSalad(encoderInput(document)))).toHaveLength(0);
    },
  );

  test("are printed with what is suspicious about them", () => {
    let printed = "";
    const out = new Writable({
      write: (chunk: Buffer, _, done) => {
        printed += chunk.toString();
        done();
      },
    });
    printPassages([{ ...passage(SALAD, 1), suspect: ["score-too-high", "no-sentences"] }], out);
    expect(stripVTControlCharacters(printed).split("\n").slice(-3)).toEqual([
      "    suspect: its words cannot earn the score its party sent",
      "    suspect: reads like words put together to be found, not like text",
      "",
    ]);
  });
});

test.each([{ partyMax: 0 }, { partyMax: 1.5 }, { partyMax: 33 }, { keepInflated: 1 }, { dropSuspects: "yes" }])(
  "the option %j is refused",
  (options) => {
    expect(() => checkQueryOptions(options as never)).toThrow(TypeError);
  },
);
