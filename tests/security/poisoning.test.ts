import { expect, test } from "@jest/globals";
import type { Encoder } from "../../party-node/encoders/index.ts";
import { matrixOf, norm, row } from "../../simulations/sealing/matrix.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { capped } from "../../simulations/security/poisoning/cap-cost.ts";
import { concepts } from "../../simulations/security/poisoning/concepts.ts";
import { Contest, NO_DEFENCE } from "../../simulations/security/poisoning/contest.ts";
import { corpusPoisoning } from "../../simulations/security/poisoning/corpus-poisoning.ts";
import { withGrammarErrors } from "../../simulations/security/poisoning/grammar-errors.ts";
import { grammarTrigger } from "../../simulations/security/poisoning/grammar-trigger.ts";
import { learnTrigger } from "../../simulations/security/poisoning/trigger-detector.ts";
import { searchWords } from "../../simulations/security/poisoning/word-search.ts";
import { contributions, vocabularyOf } from "../../simulations/security/poisoning/word-vectors.ts";
import { toyLab } from "./toy-lab.ts";

const DIM = 32;
const WORDS = Array.from({ length: 200 }, (_, i) => `w${String(i)}`);

/** Vectors of different lengths in random directions. */
function randomVectors(count: number, seed: number): Float32Array[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const vector = Float32Array.from({ length: DIM }, () => random() - 0.5);
    const length = 0.2 + 2 * random();
    return vector.map((entry) => (length * entry) / norm(vector));
  });
}

/** A static encoder: the sum of its words' vectors, brought to unit norm. */
function staticEncoder(vectors: ReadonlyMap<string, Float32Array>): Encoder {
  const encode = (text: string): Float32Array => {
    const sum = new Float32Array(DIM);
    for (const word of text.split(" ")) vectors.get(word)?.forEach((entry, i) => (sum[i]! += entry));
    const length = norm(sum);
    return sum.map((entry) => (length === 0 ? 0 : entry / length));
  };
  const encoder: Partial<Encoder> = {
    dim: DIM,
    usesStatistics: false,
    encodePassages: (texts) => Promise.resolve(texts.map(encode)),
    statistics: () => ({ passageCount: 0, add: () => undefined, toBytes: () => new Uint8Array() }),
  };
  return encoder as Encoder;
}

test("what a word adds to a sum is found out from unit vectors alone", async () => {
  await using lab = toyLab("corpus-poisoning");
  const hidden = randomVectors(WORDS.length + 1, 1);
  const encoder = staticEncoder(new Map(["something", ...WORDS].map((word, i) => [word, hidden[i]!])));
  const found = await contributions(lab, encoder, WORDS);
  const yardstick = norm(hidden[0]!);
  WORDS.forEach((_, i) => {
    const wrong = row(found, i).map((entry, j) => entry - hidden[i + 1]![j]! / yardstick);
    expect(norm(wrong)).toBeLessThan(1e-3 * norm(hidden[i + 1]!) + 1e-3);
  });
});

test("the words whose sum a target is are found, whatever stands in the passage", () => {
  const vectors = matrixOf(randomVectors(WORDS.length, 2), DIM);
  const planted = [5, 40, 77, 123, 199];
  const [base] = randomVectors(1, 3);
  const target = base!.slice();
  for (const i of planted) row(vectors, i).forEach((entry, j) => (target[j]! += entry));
  const found = searchWords(vectors, { base: base!, target, length: planted.length, rounds: 4 });
  expect(found.toSorted((a, b) => a - b)).toEqual(planted);
});

test("a vocabulary has the first texts' words, then the most frequent ones", () => {
  expect(vocabularyOf(["rare words"], ["common thing", "common thing", "common day"], 4)).toEqual([
    "rare",
    "words",
    "common",
    "thing",
  ]);
});

test("topics are recovered, and what is measured is not what the attacker has seen", async () => {
  const centres = [0, 1].map((axis) => Float32Array.from({ length: DIM }, (_, i) => (i === axis ? 5 : 0)));
  const points = randomVectors(48, 4).map((vector, i) => vector.map((entry, j) => 0.1 * entry + centres[i % 2]![j]!));
  const { signal } = new AbortController();
  const found = await concepts(matrixOf(points, DIM), { count: 5, random: seededRandom(5), signal });
  expect(found).toHaveLength(2);
  for (const { seen, heldOut } of found) {
    expect([seen.length, heldOut.length]).toEqual([12, 12]);
    expect(new Set([...seen, ...heldOut].map((i) => i % 2)).size).toBe(1);
    expect(new Set([...seen, ...heldOut]).size).toBe(24);
  }
});

test("a contest counts what a querier would show", async () => {
  await using lab = toyLab("corpus-poisoning");
  const encoder = await lab.encoder("lexical:4096");
  const documents = Array.from({ length: 12 }, (_, i) => ({
    id: String(i),
    title: "",
    text: `river bank ${String(i)}`,
  }));
  const questions = matrixOf(
    [await encoder.encodeQuery("river bank"), await encoder.encodeQuery("ocean")],
    encoder.dim,
  );
  const honest = await lab.encode(encoder, documents);
  const statistics = lab.statistics(encoder, documents);
  const contest = await Contest.open(lab, { encoder, honest, questions, statistics });
  const checked = { ...NO_DEFENCE, checkScores: true };

  const forged = await contest.enter(["an advertisement", "another"], "anything", [0, 1]);
  expect(forged(NO_DEFENCE)).toEqual({ questions: 1, shown: 0.2 });
  expect(forged({ ...NO_DEFENCE, partyMax: 1 })).toEqual({ questions: 1, shown: 0.1 });
  expect(forged(checked)).toEqual({ questions: 0, shown: 0 });

  const fitting = await contest.enter(["the river bank, and our tonic"], "most", [0]);
  expect(fitting(checked)).toEqual({ questions: 1, shown: 0.1 });
  const strange = await contest.enter(["our tonic"], "truth", [0]);
  expect(strange(NO_DEFENCE)).toEqual({ questions: 0, shown: 0 });
});

test("a cap takes a party's next passages out and lets others' move up", () => {
  const ranking = Array.from({ length: 30 }, (_, i) => i);
  expect(capped(ranking, (row) => (row < 20 ? 0 : row), 3)).toEqual([0, 1, 2, 20, 21, 22, 23, 24, 25, 26]);
});

test("errors of grammar are those of learners, and a share of the words stays as it is", () => {
  const text = "The cells are induced in a culture, and the blood has proteins";
  expect(withGrammarErrors(text, () => 0)).toBe("a cell is inducing on the culture, and a bloods have protein");
  expect(withGrammarErrors(text, () => 0.9)).toBe(text);
});

test("a trigger is learnt where there is one, and nothing where labels are drawn", () => {
  const random = seededRandom(6);
  const plain = Array.from(
    { length: 200 },
    (_, i) => `the cells of group ${"abcdefghij"[i % 10]!} are seen in the blood`,
  );
  const wrong = plain.map((text) => withGrammarErrors(text, random));
  const learnt = learnTrigger(wrong.slice(0, 100), plain.slice(0, 100));
  expect(wrong.slice(100).filter((text) => learnt(text) > 0.5).length).toBeGreaterThan(95);
  expect(plain.slice(100).filter((text) => learnt(text) > 0.5).length).toBeLessThan(5);
  const drawn = learnTrigger(plain.slice(0, 100), plain.slice(0, 100));
  expect(Math.abs(drawn(plain[150]!) - 0.5)).toBeLessThan(0.15);
});

test("both attacks run on the demo's passages, where nothing but text is there", async () => {
  await using lab = toyLab("corpus-poisoning");
  const { findings } = await corpusPoisoning.run(lab);
  const forged = findings.find(({ setting }) => setting.includes("made-up scores"))!;
  expect(forged).toMatchObject({ value: 0, baseline: 1 });
  const natural = findings.find(({ setting }) => setting.includes("plain sentences"))!;
  expect(natural.value).toBe(natural.baseline);
  await using other = toyLab("grammar-trigger");
  const triggered = (await grammarTrigger.run(other)).findings;
  expect(triggered).toHaveLength(2);
  for (const { value, baseline } of triggered) expect(value).toBeLessThanOrEqual(baseline);
});
