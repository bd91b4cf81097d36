import { describe, expect, test } from "@jest/globals";
import { liftedNorm } from "../../crypto/index.ts";
import { alignMoments } from "../../simulations/security/host/alignment.ts";
import { knownPairs } from "../../simulations/security/host/known-pairs.ts";
import { procrustes, refine } from "../../simulations/security/host/matching.ts";
import { recoverByLeastSquares, recoverByRotation } from "../../simulations/security/host/pairs.ts";
import { coordinates, principalAxes } from "../../simulations/security/host/principal-axes.ts";
import { rankCandidates } from "../../simulations/security/host/ranking.ts";
import { lifted, sealCollection } from "../../simulations/security/host/sealed-collection.ts";
import { type Square, nearestOrthogonal } from "../../simulations/security/host/square.ts";
import { tokenQuality, vocabularyOf } from "../../simulations/security/host/text-tokens.ts";
import { cloudShape } from "../../simulations/security/host/third-moments.ts";
import { calibrated, estimate, nameWords, ridgeWeights } from "../../simulations/security/host/word-model.ts";
import { type Matrix, innerProduct, norm, pick, row } from "../../simulations/sealing/matrix.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { toyLab } from "./toy-lab.ts";

const signal = new AbortController().signal;
const pause = (): Promise<void> => Promise.resolve();
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Lopsided coordinates, each more than the one before, or normal ones. */
function cloud(rows: number, width: number, random: () => number, isLopsided: boolean): Matrix {
  const data = Float32Array.from({ length: rows * width }, (_, i) =>
    isLopsided ? (-Math.log(1 - random())) ** (0.5 + (i % width) / 6) : normal(random),
  );
  return { data, rows, width };
}

function randomRotation(width: number, random: () => number): Square {
  return nearestOrthogonal(
    Float64Array.from({ length: width * width }, () => normal(random)),
    width,
  );
}

function turned({ data, rows, width }: Matrix, rotation: Square): Matrix {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let a = 0; a < width; a++)
      for (let b = 0; b < width; b++) out[i * width + a]! += rotation[a * width + b]! * data[i * width + b]!;
  return { data: out, rows, width };
}

function meanCosine(a: Matrix, b: Matrix): number {
  const cosine = (x: Float32Array, y: Float32Array): number => innerProduct(x, y) / (norm(x) * norm(y) || 1);
  return range(a.rows).reduce((sum, i) => sum + cosine(row(a, i), row(b, i)), 0) / a.rows;
}

/** The mean cosine of true images of the second cloud with those under the rotation found from the first alone. */
async function blindly(isLopsided: boolean): Promise<number> {
  const random = seededRandom(1);
  const width = 8;
  const [own, sealed] = [cloud(3000, width, random, isLopsided), cloud(3000, width, random, isLopsided)];
  const secret = turned(sealed, randomRotation(width, random));
  const [source, target] = [
    await principalAxes(own, width, { random, pause }),
    await principalAxes(secret, width, { random, pause }),
  ];
  const found = await alignMoments(
    (size) => ({ source: cloudShape(own, source, size, 0), target: cloudShape(secret, target, size, 0) }),
    { sizes: [4, width], starts: 16, random, pause },
  );
  return meanCosine(turned(coordinates(sealed, source), found), coordinates(secret, target));
}

describe("alignment without pairs", () => {
  test("moments find the rotation of lopsided rows from other rows of their kind", async () => {
    expect(await blindly(true)).toBeGreaterThan(0.75);
  });

  test("rows that look alike from all sides give nothing away", async () => {
    expect(Math.abs(await blindly(false))).toBeLessThan(0.6);
  });

  test("matching row by row completes a rough rotation", async () => {
    const random = seededRandom(2);
    const sources = cloud(300, 6, random, true);
    const secret = randomRotation(6, random);
    const rough = nearestOrthogonal(
      secret.map((value) => value + 0.15 * normal(random)),
      6,
    );
    const map = await refine(
      turned(sources, secret),
      sources,
      { rotation: rough, shift: new Float64Array(6) },
      { noiseVariance: 1e-4, rounds: 20, signal, onRound: pause },
    );
    map.rotation.forEach((value, i) => {
      expect(value).toBeCloseTo(secret[i]!, 2);
    });
  });
});

describe("known pairs", () => {
  const random = seededRandom(3);
  const [width, pairs] = [12, 12];
  const open = cloud(100, width, random, false);
  const secret = randomRotation(width, random);
  const sealed = turned(open, secret);
  const unknown = range(50).map((i) => 50 + i);
  const known = (count: number): { open: Matrix; sealed: Matrix } => ({
    open: pick(open, range(count)),
    sealed: pick(sealed, range(count)),
  });

  test("as many as dimensions open all rows; half as many a part; pairs that are none nothing", () => {
    const goal = pick(sealed, unknown);
    const truth = pick(open, unknown);
    expect(meanCosine(recoverByRotation(known(pairs), goal), truth)).toBeGreaterThan(0.999);
    expect(meanCosine(recoverByLeastSquares(known(pairs), goal, 1e-6), truth)).toBeGreaterThan(0.999);
    const half = meanCosine(recoverByRotation(known(pairs / 2), goal), truth);
    expect(half).toBeGreaterThan(0.4);
    expect(half).toBeLessThan(0.9);
    const wrong = { ...known(pairs), sealed: pick(sealed, range(pairs).toReversed()) };
    expect(meanCosine(recoverByRotation(wrong, goal), truth)).toBeLessThan(0.4);
  });

  test("Procrustes finds a shift as well", () => {
    const moved = sealed.data.map((value, i) => value + (i % width));
    const { rotation, shift } = procrustes(
      range(50).map((i) => ({ target: moved.subarray(i * width, (i + 1) * width), source: row(open, i) })),
      width,
    );
    expect(rotation[5]).toBeCloseTo(secret[5]!, 4);
    shift.forEach((value, j) => {
      expect(value).toBeCloseTo(j, 3);
    });
  });
});

test("candidates are named, and whether a passage is among them is told", async () => {
  const random = seededRandom(4);
  const rows = cloud(40, 8, random, false);
  const candidates = pick(rows, range(20));
  const candidateOf = range(40).map((i) => (i < 20 ? i : -1));
  expect(await rankCandidates(rows, candidates, candidateOf, signal)).toEqual({ at1: 1, at10: 1, presence: 1 });
  const strangers = await rankCandidates(cloud(40, 8, random, false), candidates, candidateOf, signal);
  expect(strangers.at1).toBeLessThan(0.3);
  expect(strangers.presence).toBeCloseTo(0.5, 0);
});

test("words that make up a vector are read from it, and none from another", async () => {
  const random = seededRandom(5);
  const names = range(10).map((w) => `word${String(w)}`);
  const passages = range(400).map(() => new Set(names.filter(() => random() < 0.3)));
  const directions = cloud(10, 16, random, false);
  const vectors: Matrix = { data: new Float32Array(400 * 16), rows: 400, width: 16 };
  passages.forEach((words, i) => {
    for (const word of words)
      row(directions, names.indexOf(word)).forEach((value, j) => (vectors.data[i * 16 + j]! += value));
  });
  const text = { vectors: pick(vectors, range(300)), words: passages.slice(0, 300) };
  const vocabulary = vocabularyOf(text.words, 3, 100);
  const axes = await principalAxes(text.vectors, 16, { random, pause });
  const { model } = calibrated({ vocabulary, mean: axes.mean, weights: ridgeWeights(text, vocabulary, axes, 0) }, text);
  const heldOut = range(100).map((i) => 300 + i);
  const truth = passages.slice(300);
  expect(tokenQuality(nameWords(model, estimate(model, pick(vectors, heldOut))), truth).f1).toBeGreaterThan(0.9);
  expect(tokenQuality(nameWords(model, estimate(model, pick(vectors, heldOut.toReversed()))), truth).f1).toBeLessThan(
    0.6,
  );
});

describe("on a sealed collection", () => {
  const settings = { encoders: ["lexical:32"] };

  test("little noise and no rotation hide nothing; much noise or a rotation does from who does not align", async () => {
    await using lab = toyLab("candidate-ranking", settings);
    const encoder = await lab.encoder();
    const rows = await lab.encode(encoder, (await lab.victim()).documents);
    const candidates = lifted(rows, encoder.normMax);
    const at1 = async (beta: number, rotation: boolean): Promise<number> => {
      const sealed = sealCollection(lab, rows, { normMax: encoder.normMax, beta, rotation });
      const noise = sealed.noiseVariance * sealed.rows.width;
      expect(norm(row(sealed.rows, 0)) ** 2 / (liftedNorm(encoder.normMax) ** 2 + noise)).toBeCloseTo(1, 1);
      return (await rankCandidates(sealed.rows, candidates, range(rows.rows), signal)).at1;
    };
    expect(await at1(0.1, false)).toBeGreaterThan(0.9);
    expect(await at1(0.1, true)).toBeLessThan(0.1);
    expect(await at1(100, false)).toBeLessThan(0.1);
  });

  test("more known pairs recover more", async () => {
    await using lab = toyLab("known-pairs", { encoders: ["lexical:16"], beta: 0.1 });
    const { findings } = await knownPairs.run(lab);
    const cosines = findings.filter(({ metric }) => metric.startsWith("cosine")).map(({ value }) => value);
    expect(cosines.at(-1)).toBeGreaterThan(0.95);
    expect(cosines[0]).toBeLessThan(0.8);
  });
});
