import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadBeirCorpus } from "../../simulations/beir.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { type Finding, succeeds } from "../../simulations/security/attack.ts";
import {
  MISSPELLINGS,
  type Misspelling,
  misspellOne,
  misspellShare,
} from "../../simulations/security/robustness/misspell.ts";
import { loadParaphrases } from "../../simulations/security/robustness/paraphrases.ts";
import { measureTypos } from "../../simulations/security/robustness/typos.ts";
import { VARIATIONS } from "../../simulations/security/robustness/variations.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { toyLab } from "./toy-lab.ts";

const QUESTION = "Which vitamins does the liver store, and for how long?";
const wordsOf = (text: string): string[] => text.split(" ");
const letters = (text: string): string => Array.from(text.toLowerCase()).sort().join("");

describe("misspelling", () => {
  const misspell = (kind: Misspelling, share = 1): string =>
    misspellShare(QUESTION, { share, random: seededRandom(3), kinds: [kind] });

  test("slips as it says, once in every word of three letters or more", () => {
    const lengths = (text: string): number[] => wordsOf(text).map(({ length }) => length);
    expect(lengths(misspell("letter left out"))).toEqual(lengths(QUESTION).map((length) => length - 1));
    expect(lengths(misspell("letter doubled"))).toEqual(lengths(QUESTION).map((length) => length + 1));
    const swapped = misspell("two letters swapped");
    expect(letters(swapped)).toBe(letters(QUESTION));
    expect(swapped).not.toBe(QUESTION);
    const beside = wordsOf(misspell("key beside it"));
    const changes = wordsOf(QUESTION).map((word, i) => Array.from(word).filter((x, at) => x !== beside[i]![at]).length);
    expect(changes).toEqual(changes.map(() => 1));
    expect(misspellShare("s", { share: 1, random: seededRandom(3) })).toBe("s");
  });

  test("takes only keys that touch", () => {
    const random = seededRandom(4);
    const found = new Set(
      Array.from({ length: 300 }, () =>
        misspellShare("ggg", { share: 1, random, kinds: ["key beside it"] }).replace(/gg|g/g, ""),
      ),
    );
    expect([...found].sort()).toEqual(["b", "f", "h", "t", "v", "y"]);
  });

  test("leaves text alone at share 0, and changes one word where one is asked for", () => {
    for (const kind of MISSPELLINGS) expect(misspell(kind, 0)).toBe(QUESTION);
    for (let seed = 0; seed < 20; seed++) {
      const once = wordsOf(misspellOne(QUESTION, seededRandom(seed)));
      expect(wordsOf(QUESTION).filter((word, i) => word !== once[i]).length).toBeLessThanOrEqual(1);
    }
    expect(misspellOne("2 + 2", seededRandom(1))).toBe("2 + 2");
  });
});

test("variations keep the words that carry the meaning", () => {
  const random = seededRandom(1);
  expect(VARIATIONS["no stop words"](QUESTION, random)).toBe("Which vitamins does liver store, how long?");
  expect(VARIATIONS["no stop words"]("The liver", random)).toBe("liver");
  expect(VARIATIONS["no stop words"]("to be or not to be", random)).toBe("to be or not to be");
  expect(wordsOf(VARIATIONS["words in another order"](QUESTION, random)).sort()).toEqual(wordsOf(QUESTION).sort());
  for (let i = 0; i < 10; i++) {
    expect(VARIATIONS["put in another frame"](QUESTION, random)).toContain(
      "which vitamins does the liver store, and for how long",
    );
    expect(letters(VARIATIONS["punctuation and capitals"](QUESTION, random)).replace(/[^a-z]/g, "")).toBe(
      letters(QUESTION).replace(/[^a-z]/g, ""),
    );
  }
});

describe("what is lost", () => {
  const folder = temporaryFolder();
  const at = (...path: string[]): string => join(folder.path, ...path);
  const lines = (objects: readonly object[]): string => objects.map((one) => `${JSON.stringify(one)}\n`).join("");
  const sizes = { rows: 120, questions: 40, shares: [0.5, 1] };
  const of = (findings: readonly Finding[], variation: string): Finding =>
    findings.find(({ setting }) => setting.endsWith(`, ${variation}`))!;

  beforeAll(() => {
    const documents = Array.from({ length: 60 }, (_, i) => ({
      _id: `d${String(i)}`,
      text: `alpha word${String(i)}x gamma${String(i % 7)}y`,
    }));
    writeFileSync(at("corpus.jsonl"), lines(documents));
    writeFileSync(
      at("queries.jsonl"),
      lines(documents.slice(0, 30).map(({ text }, i) => ({ _id: `q${String(i)}`, text }))),
    );
    mkdirSync(at("sts"));
    const pair = (score: number, a: string, b: string): string => ["", "", "", "", String(score), a, b].join("\t");
    const sentences = Array.from({ length: 12 }, (_, i) =>
      pair(1, `unrelated ${String(i)}`, `filler number ${String(i)}`),
    );
    const alike = [
      pair(5, "apples ripen", "apples ripening"),
      pair(4, "quick bees", "a quick bee"),
      pair(5, "the same", "the same"),
    ];
    writeFileSync(at("sts", "sts-test.csv"), [...sentences, ...alike].join("\n"));
  });
  afterAll(() => {
    folder[Symbol.dispose]();
  });

  test("on the demo: nothing by what the lexical encoder does not see, much by misspelling", async () => {
    await using lab = toyLab("typos");
    const { findings, charts = [], words } = await measureTypos(lab, sizes);
    for (const one of findings) expect(succeeds(one.baseline, one)).toBe(true);
    for (const unseen of ["punctuation and capitals", "no stop words", "words in another order"])
      expect(of(findings, unseen).value).toBe(0);
    expect(of(findings, "one word misspelt").value).toBeGreaterThan(0.02);
    const [start, ...rest] = charts[0]!.lines[0]!.points.map(([, quality]) => quality);
    expect(Math.max(...rest)).toBeLessThan(start!);
    expect(words.at(-1)).toMatch(/not measured/);
  });

  test("without judgements, against the ranking of the question as it was; paraphrases where they are here", async () => {
    const corpus = { documents: at("corpus.jsonl"), queries: at("queries.jsonl"), qrels: null };
    expect(await loadBeirCorpus(corpus.documents)).toHaveLength(60);
    await using lab = toyLab("typos", { corpus, dataFolder: folder.path });
    const { findings } = await measureTypos(lab, sizes);
    expect(of(findings, "no stop words")).toMatchObject({
      value: 0,
      threshold: 0.1,
      note: "of 1.000, against its own ranking",
    });
    expect(of(findings, "one word misspelt").value).toBeGreaterThan(0);
    // Stems are the same: nothing is lost. Another pair's sentence loses everything.
    expect(of(findings, "said in other words by people")).toMatchObject({ value: 0, baseline: 1 });
  });

  test("pairs of the benchmark: those scored 4 or more, in other words", async () => {
    const random = seededRandom(1);
    const found = await loadParaphrases(folder.path, { count: 10, random });
    expect(found?.paraphrases).toEqual(["apples ripen", "quick bees"]);
    expect(found?.originals).toEqual(["apples ripening", "a quick bee"]);
    expect(found?.documents).toHaveLength(15);
    expect(await loadParaphrases(null, { count: 10, random })).toBeNull();
  });
});
