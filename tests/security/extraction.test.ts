import { expect, test } from "@jest/globals";
import { ringLayout, sodium } from "../../crypto/index.ts";
import { normalDraw } from "../../simulations/hashvfl/randomness.ts";
import { type Matrix, matrixOf, row } from "../../simulations/sealing/matrix.ts";
import { dot, priorOf } from "../../simulations/security/prior.ts";
import { EncryptedParty, ModelledParty } from "../../simulations/security/querier/asked-party.ts";
import { extraction } from "../../simulations/security/querier/extraction.ts";
import { reportOf } from "../../simulations/security/querier/extraction-report.ts";
import { HintTester } from "../../simulations/security/querier/hints.ts";
import { decodeSparse, sparsePriorOf } from "../../simulations/security/querier/message-passing.ts";
import { Posterior, meanCosine } from "../../simulations/security/querier/posterior.ts";
import { coordinates, principalAxes, randomDirections } from "../../simulations/security/querier/questions.ts";
import { relinkedShares } from "../../simulations/security/querier/relinking.ts";
import { WordInverter, f1Score } from "../../simulations/security/word-inversion.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { toyLab } from "./toy-lab.ts";

const DIM = 32;
const layout = (scoreBits: number) =>
  ringLayout({ dim: DIM, chunk: 16, normMax: 1, scoreBits, seed: new Uint8Array(32).fill(9) });

/** Unit vectors whose first `rank` coordinates are random, the others 0. */
function vectors(count: number, rank: number, random: () => number) {
  const rows = Array.from({ length: count }, () => {
    const vector = Float32Array.from({ length: DIM }, (_, j) => (j < rank ? normalDraw(random) : 0));
    const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0)) * 1.0001;
    return vector.map((x) => x / norm);
  });
  return matrixOf(rows, DIM);
}

test.each([{ bits: 14 }, { bits: 8 }])("modelled scores of $bits bits err as encrypted ones do", async ({ bits }) => {
  await sodium.ready;
  const random = seededRandom(1);
  const rows = vectors(300, DIM, random);
  await using encrypted = await EncryptedParty.open(rows, layout(bits), new Uint8Array(32).fill(5));
  const modelled = new ModelledParty(rows, layout(bits), random);
  const questions = randomDirections(DIM, 6, random);
  const deviation = async (party: EncryptedParty | ModelledParty): Promise<number> => {
    let squares = 0;
    for (const question of questions)
      (await party.ask(question)).forEach((score, i) => {
        squares += (score - dot(question, Float64Array.from(row(rows, i)))) ** 2;
      });
    return Math.sqrt(squares / (questions.length * rows.rows));
  };
  const [real, model] = [await deviation(encrypted), await deviation(modelled)];
  expect(real / model).toBeGreaterThan(0.8);
  expect(real / model).toBeLessThan(1.2);
});

test("as many questions as rows have directions recover the rows, along the principal axes or others; no fewer do", async () => {
  const random = seededRandom(2);
  const known = vectors(400, 6, random);
  const rows = vectors(50, 6, random);
  const prior = priorOf(known);
  const party = new ModelledParty(rows, layout(31), random);
  const cosineAfter = async (count: number, questions = principalAxes(prior, count)): Promise<number> => {
    const posterior = new Posterior(prior, rows.rows, party.scoreDeviation);
    for (const question of questions) posterior.observe(question, await party.ask(question));
    return meanCosine(posterior.estimates, rows);
  };
  expect(await cosineAfter(6)).toBeGreaterThan(0.999);
  expect(await cosineAfter(6, randomDirections(DIM, 6, random))).toBeGreaterThan(0.99);
  expect(await cosineAfter(3)).toBeLessThan(0.85);
  expect(Math.abs(await cosineAfter(0))).toBeLessThan(0.2);
});

test("axes computed a few at a time are those computed all at once", () => {
  const random = seededRandom(3);
  const rows = vectors(500, DIM, random);
  for (let i = 0; i < rows.data.length; i++) rows.data[i]! *= 1.3 ** -(i % DIM);
  const prior = priorOf(rows);
  const all = principalAxes(prior, DIM);
  principalAxes(prior, 5).forEach((axis, i) => {
    expect(Math.abs(dot(axis, all[i]!))).toBeGreaterThan(0.999);
  });
  expect(coordinates(prior, 2).map((question) => question.indexOf(1))).toEqual([0, 1]);
});

test("sparse decoding recovers planted sparse rows from half as many questions, and dense ones it does not", () => {
  const random = seededRandom(4);
  const dim = 256;
  const planted = (share: number): Float32Array =>
    Float32Array.from({ length: dim }, () => (random() < share ? normalDraw(random) : 0));
  const decode = (share: number): number => {
    const known = matrixOf(
      Array.from({ length: 300 }, () => planted(share)),
      dim,
    );
    const questions = randomDirections(dim, dim / 2, random);
    const truth = Float64Array.from(planted(share));
    const scores = Float64Array.from(questions, (question) => dot(question, truth));
    const packed = new Float64Array(questions.flatMap((question) => [...question]));
    const found = decodeSparse(packed, scores, sparsePriorOf(known), 1e-4);
    return meanCosine(found, { data: Float32Array.from(truth), rows: 1, width: dim });
  };
  expect(decode(0.1)).toBeGreaterThan(0.99);
  expect(decode(1)).toBeLessThan(0.9);
});

test("a hint confirms the row by which a block has grown, and no other; of a block alone it confirms none", async () => {
  await sodium.ready;
  const rows = vectors(3, DIM, seededRandom(5));
  const block = [0, 1, 2].map((slot) => ({ slot, vector: row(rows, slot) }));
  const tester = new HintTester(layout(14));
  const [owner, attacker] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const [before, after] = [await tester.hintOf(block.slice(1), owner), await tester.hintOf(block, owner)];
  const right = await tester.hintOf(block.slice(0, 1), attacker);
  const wrong = await tester.hintOf([{ slot: 0, vector: row(rows, 1) }], attacker);
  expect(tester.confirms(before, after, right)).toBe(true);
  expect(tester.confirms(before, after, wrong)).toBe(false);
  expect(tester.confirms(await tester.hintOf([], owner), after, right)).toBe(false);
});

test("rows are linked by repeated questions when these tell them apart, and by chance when they do not", async () => {
  const random = seededRandom(6);
  const rows = vectors(100, DIM, random);
  const shares = await relinkedShares(new ModelledParty(rows, layout(14), random), randomDirections(DIM, 3, random));
  expect(shares.at(-1)).toBe(1);
  const same = matrixOf(
    Array.from({ length: 100 }, () => row(rows, 0)),
    DIM,
  );
  const [chance] = await relinkedShares(new ModelledParty(same, layout(14), random), randomDirections(DIM, 1, random));
  expect(chance).toBeLessThan(0.1);
});

test("words that are coordinates are read off; of random vectors only frequent ones are guessed", () => {
  const random = seededRandom(7);
  const held = Array.from({ length: 400 }, () => new Set([...Array(DIM).keys()].filter(() => random() < 0.2)));
  const ofWords = matrixOf(
    held.map((set) => Float32Array.from({ length: DIM }, (_, j) => (set.has(j) ? 1 : 0))),
    DIM,
  );
  const mean = (inverter: WordInverter, { data }: Matrix): number => {
    const guesses = inverter.guesses(Float64Array.from(data.subarray(0, 50 * DIM)));
    return guesses.reduce((sum, words, i) => sum + f1Score(words, held[i]!), 0) / 50;
  };
  expect(mean(new WordInverter(held, ofWords, DIM), ofWords)).toBeGreaterThan(0.99);
  const unrelated = vectors(400, DIM, random);
  expect(mean(new WordInverter(held.slice(50), { ...unrelated, rows: 350 }, DIM), unrelated)).toBeLessThan(0.5);
});

test("the attack succeeds on vectors in the open and comes less than half of the way within the default budget", async () => {
  await using lab = toyLab("extraction", { encoders: ["lexical:32"] });
  const { findings, charts } = await extraction.run(lab);
  const labels = findings.map(({ mode, setting, metric }) => `${mode}, ${setting}, ${metric}`);
  expect(new Set(labels).size).toBe(labels.length);
  for (const { baseline, threshold } of findings) expect(baseline).toBeGreaterThanOrEqual(threshold);
  const cosine = findings.find(({ metric }) => metric === "cosine of recovered vectors")!;
  expect(cosine.setting).toContain("2 questions");
  expect(cosine.value).toBeLessThan(cosine.threshold);
  expect(charts![1]!.marks).toEqual([{ x: 2, label: "budget: 2" }]);
});

test("a budget that brings a querier most of the way is advised against, one that does not is not", () => {
  const nearness = (cosine: number) => ({ cosine, f1: 0 });
  const adviceAt = (cosine: number) =>
    reportOf(
      [
        {
          encoder: "lexical:16",
          dim: 16,
          budget: 8,
          isEncrypted: true,
          bounds: { open: nearness(1), blind: nearness(0.2) },
          curves: [{ name: "principal axes", points: [{ asked: 8, ...nearness(cosine) }] }],
          matched: 1,
          candidates: 10,
        },
      ],
      {
        bits: [{ bits: 8, points: [{ asked: 16, ...nearness(1) }] }],
        relinked: [1],
        rows: 10,
        hints: { tries: 1, added: 1, unknown: 0, wrong: 0 },
      },
      toyLab("extraction", { queryBudget: 8 }).settings,
    ).advice;
  expect(adviceAt(0.61)).toEqual([expect.objectContaining({ setting: "--query-budget" })]);
  expect(adviceAt(0.59)).toEqual([]);
});
