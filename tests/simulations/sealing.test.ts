import { describe, expect, test } from "@jest/globals";
import { CapriseKey, liftedNorm, questionNoise } from "../../crypto/index.ts";
import type { BeirSet } from "../../simulations/beir.ts";
import { sampleIndices, seededRandom } from "../../simulations/seeded-random.ts";
import { type Cell, encodeCollection, inWords, recommend, tuneSealing } from "../../simulations/sealing/index.ts";
import { kMeans } from "../../simulations/sealing/k-means.ts";
import { leakageReference, measureLeakage } from "../../simulations/sealing/leakage.ts";
import { type Matrix, matrixOf, nearest, pick, row, squaredDistance } from "../../simulations/sealing/matrix.ts";
import {
  adjustedRandIndex,
  neighbourOverlap,
  probabilityBelow,
  rankCorrelation,
} from "../../simulations/sealing/statistics.ts";
import { openEncoder } from "../../party-node/encoders/index.ts";
import { fault, seeded } from "../crypto/support.ts";

const { signal } = new AbortController();

describe("statistics, by hand", () => {
  test("Spearman's correlation, equal values sharing their rank", () => {
    expect(rankCorrelation([1, 2, 3], [10, 100, 1000])).toBe(1);
    expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBe(-1);
    expect(rankCorrelation([1, 2, 2, 3], [1, 3, 2, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
    // Two swaps of neighbours among six: 1 - 6 (1 + 1 + 1 + 1) / (6 (36 - 1)).
    expect(rankCorrelation([1, 2, 3, 4, 5, 6], [2, 1, 3, 4, 6, 5])).toBeCloseTo(1 - 24 / 210, 12);
  });

  test("the adjusted Rand index ignores labels and is 0 by chance", () => {
    expect(adjustedRandIndex([0, 0, 1, 1], [1, 1, 0, 0])).toBe(1);
    expect(adjustedRandIndex([0, 0, 1, 2], [0, 0, 1, 1])).toBeCloseTo(4 / 7, 12); // scikit-learn's example
    expect(adjustedRandIndex([0, 0, 1, 1], [0, 1, 0, 1])).toBeCloseTo(-0.5, 12);
    const random = seededRandom(1);
    const labels = (): number[] => Array.from({ length: 20_000 }, () => Math.floor(5 * random()));
    expect(Math.abs(adjustedRandIndex(labels(), labels()))).toBeLessThan(0.005);
  });

  test("neighbours overlap without order", () => {
    expect(
      neighbourOverlap(
        [
          [1, 2],
          [3, 4],
        ],
        [
          [2, 1],
          [3, 9],
        ],
      ),
    ).toBe(0.75);
  });

  test("the probability of being below counts ties half", () => {
    expect(probabilityBelow([1, 2], [3, 4])).toBe(1);
    expect(probabilityBelow([3, 4], [1, 2])).toBe(0);
    expect(probabilityBelow([1, 3], [2, 4])).toBe(0.75);
    expect(probabilityBelow([5, 5], [5, 5, 5])).toBe(0.5);
  });

  test("a sample has no index twice and is all when there are no more", () => {
    const sample = sampleIndices(100, 40, seededRandom(2));
    expect(new Set(sample).size).toBe(40);
    expect(sampleIndices(3, 40, seededRandom(2))).toEqual([0, 1, 2]);
    expect(sampleIndices(100, 40, seededRandom(2))).toEqual(sample);
  });
});

/** Around ten centres, every row of norm 1. */
function clustered(count: number, width: number, spread: number): { readonly rows: Matrix; readonly labels: number[] } {
  const random = seeded(6);
  const centres = Array.from({ length: 10 }, () => random.vector(width));
  const labels = Array.from({ length: count }, (_, i) => i % 10);
  const vectors = labels.map((label) => {
    const apart = random.vector(width, spread);
    const sum = centres[label]!.map((x, i) => x + apart[i]!);
    const length = Math.hypot(...sum);
    return sum.map((x) => x / length);
  });
  return { rows: matrixOf(vectors, width), labels };
}

describe("attacks", () => {
  const { rows, labels } = clustered(700, 48, 0.5);

  test("the search finds what a loop finds, for more questions than one batch", async () => {
    const wide = matrixOf(
      Array.from({ length: 9000 }, (_, i) => seeded(i).vector(128)),
      128,
    );
    const indices = Array.from({ length: 300 }, (_, i) => 30 * i);
    const found = await nearest(wide, pick(wide, indices), { count: 3, by: "distance", signal });
    expect(found.rows).toHaveLength(300);
    for (const i of [0, 1, 232, 233, 234, 299]) {
      const question = row(wide, indices[i]!);
      const distances = Array.from({ length: wide.rows }, (_, j) => squaredDistance(question, row(wide, j)));
      const order = [...distances.keys()].sort((a, b) => distances[a]! - distances[b]!);
      expect(found.rows[i]).toEqual(order.slice(0, 3));
    }
  });

  test("k-means finds clusters that are there", async () => {
    // The best of some starts; k-means++ often joins two of ten clusters.
    const scores: number[] = [];
    for (const seed of [1, 2, 3, 4, 5]) {
      const found = await kMeans(rows, { clusters: 10, random: seededRandom(seed), signal });
      scores.push(adjustedRandIndex(found, labels));
    }
    expect(Math.max(...scores)).toBeGreaterThan(0.85);
  });

  test("find everything in the open, less under more noise, nothing in rows that are mixed up", async () => {
    const reference = await leakageReference(rows, 1, signal);
    const measure = (of: Matrix, beta: number, scale = 1) =>
      measureLeakage(reference, { rows: of, normMax: 1, beta, scale }, signal);
    const open = await measure(rows, 0);
    expect(open.rankCorrelation).toBeCloseTo(1, 12);
    expect(open.neighbourOverlap).toBe(1);
    expect(open.neighboursInHundred).toBe(1);
    expect(open.clusterRecovery).toBeGreaterThan(0.7);
    const sealed = await Promise.all(
      [0.3, 3, 300].map((beta) => {
        using key = new CapriseKey(new Uint8Array(32), { dim: 48, scale: 7, beta, rotation: true });
        const vectors = Array.from({ length: rows.rows }, (_, i) => key.encryptStored(`row ${i}`, 0, row(rows, i)));
        return measure(matrixOf(vectors, 48), beta, 7);
      }),
    );
    for (const name of ["rankCorrelation", "neighbourOverlap", "clusterRecovery"] as const) {
      const values = sealed.map((leakage) => leakage[name]);
      expect(values[0]).toBeGreaterThan(0.5);
      expect(values[1]).toBeLessThan(values[0]!);
      expect(values[2]).toBeLessThan(0.05);
    }
    for (const { neighbourOverlap: ten, neighboursInHundred: hundred } of sealed) expect(hundred).toBeGreaterThan(ten);
    for (const { scaleError } of sealed) expect(scaleError).toBeLessThan(0.01);
    const random = seededRandom(8);
    const order = Array.from({ length: rows.rows }, (_, i) => i).sort(() => random() - 0.5);
    const mixed = matrixOf(
      order.map((i) => row(rows, i)),
      48,
    );
    const { rankCorrelation: correlation, neighbourOverlap: overlap } = await measure(mixed, 0);
    expect(Math.abs(correlation)).toBeLessThan(0.1);
    expect(overlap).toBeLessThan(0.05);
  });
});

/** Passages of a few topics' words, and a question of six words for every tenth passage. */
function madeUpSet(documents: number): BeirSet {
  const random = seededRandom(3);
  const word = (topic: number): string => `w${topic}x${Math.floor(60 * random() ** 2)}`;
  const texts = Array.from({ length: documents }, (_, i) => Array.from({ length: 40 }, () => word(i % 12)).join(" "));
  const asked = texts.map((_, i) => i).filter((i) => i % 10 === 0);
  return {
    documents: texts.map((text, i) => ({ id: `d${i}`, title: "", text })),
    queries: asked.map((i) => ({ id: `q${i}`, text: texts[i]!.split(" ").slice(0, 6).join(" ") })),
    qrels: new Map(asked.map((i) => [`q${i}`, new Map([[`d${i}`, 1]])])),
  };
}

describe("the grid", () => {
  const options = { seed: 1, signal, onProgress: () => {} };

  test("trades answers for geometry, and recommends what survives", async () => {
    await using resources = new AsyncDisposableStack();
    const encoder = await openEncoder("lexical:256");
    resources.defer(() => encoder.close());
    const collection = await encodeCollection(madeUpSet(400), encoder, options);
    const betas = [0.04, 0.4, 1.6, 125];
    const result = await tuneSealing(collection, {
      ...options,
      betas,
      epsilons: [null, 480, 48],
      recallLossMax: 0.02,
      candidatesMax: 100,
      rotation: true,
    });
    expect(result.betas.map(({ beta }) => beta)).toEqual(betas);
    expect(result.clearNdcgAt10).toBeGreaterThan(0.5);
    const [first, , , last] = result.betas;
    const [plain, , noisy] = first!.cells;
    expect(plain).toMatchObject({ epsilon: null, noiseLength: 0, isCapped: false, linking: 1 });
    expect(plain!.reranked.recallAt10).toBeGreaterThan(0.99);
    expect(plain!.reranked.ndcgAt10).toBeCloseTo(result.clearNdcgAt10, 2);
    expect(noisy!.isCapped).toBe(true);
    // The units of `sotto collection create`, and the noise its readers choose k' for.
    expect(noisy!.noiseLength).toBeCloseTo(256 / 48, 12);
    const [dim, normMax, share] = [256, encoder.normMax, 0.04];
    const epsilon = 48 / liftedNorm(normMax);
    expect(noisy!.noise).toBe(questionNoise({ dim, normMax, beta: share * normMax, epsilon }));
    for (const { leakage } of result.betas) expect(leakage.scaleError).toBeLessThan(0.05);
    expect(noisy!.host.recallAt10).toBeLessThan(0.5);
    for (const { cells } of result.betas)
      for (const { host, reranked } of cells) expect(reranked.recallAt10).toBeGreaterThanOrEqual(host.recallAt10);
    expect(first!.leakage.neighbourOverlap).toBeGreaterThan(0.85);
    expect(last!.leakage.neighbourOverlap).toBeLessThan(0.1);
    expect(last!.cells[0]!.linking).toBeLessThan(0.7);

    const recommendation = recommend(result, 0.02);
    const { best, byEpsilon, hiddenFrom } = recommendation;
    expect(best?.beta).toBeGreaterThanOrEqual(0.04);
    expect(best?.beta).toBeLessThan(125);
    expect(best?.cell.isCapped).toBe(false);
    expect(byEpsilon.map(({ epsilon }) => epsilon)).toEqual([null, 480, 48]);
    expect(byEpsilon[2]?.beta).toBeNull();
    expect(hiddenFrom?.beta).toBe(125);
    const words = inWords(result, recommendation, 0.02).join("\n");
    expect(words).toContain(`Recommended: beta ${best?.beta ?? 0} with epsilon`);
    expect(words).toMatch(/^To use them: sotto collection create NAME --mode outsourced --host HOST --beta [\d.]+/m);
    expect(words).toMatch(/the host still sees: \.\d\d of each row's ten nearest rows/);
    expect(words).toMatch(/No beta of this grid hides the geometry .* from beta 125 on/);
  });

  test("recommends nothing where nothing survives, and says so", async () => {
    const encoder = await openEncoder("lexical:256");
    const collection = await encodeCollection(madeUpSet(200), encoder, options);
    await encoder.close();
    const grid = { betas: [125], epsilons: [null], recallLossMax: 0.01, candidatesMax: 20, rotation: false };
    const result = await tuneSealing(collection, { ...options, ...grid });
    expect(recommend(result, 0.01)).toMatchObject({ best: null, byEpsilon: [{ epsilon: null, beta: null }] });
    expect(inWords(result, recommend(result, 0.01), 0.01)[0]).toMatch(/^Recommended: nothing\. No beta of this grid/);
  });

  test("recommends no beta at which the rule for k' was cut short, and the smallest epsilon", () => {
    const leakage = {
      rankCorrelation: 1,
      neighbourOverlap: 1,
      neighboursInHundred: 1,
      clusterRecovery: 1,
      scaleError: 0,
    };
    const cell = (epsilon: number | null, recallAt10: number, isCapped = false): Cell => {
      const quality = { recallAt10, ndcgAt10: 0.5 };
      const rest = { noiseLength: 0, noise: 1, candidates: 20, linking: 1 };
      return { epsilon, isCapped, host: quality, reranked: quality, ...rest };
    };
    const betas = [
      { beta: 1, leakage, doubleCandidates: 12, cells: [cell(null, 1), cell(9, 0.99), cell(4, 0.99)] },
      { beta: 2, leakage, doubleCandidates: 12, cells: [cell(null, 0.99), cell(9, 0.992), cell(4, 0.98)] },
      { beta: 3, leakage, doubleCandidates: 12, cells: [cell(null, 1, true), cell(9, 0.9), cell(4, 0.9)] },
    ];
    const sizes = { rows: 100, queries: 5, dim: 8, normMax: 1, clearNdcgAt10: 0.5 };
    const found = recommend({ ...sizes, openLeakage: leakage, betas }, 0.011);
    expect(found.best).toMatchObject({ beta: 2, cell: { epsilon: 9 } });
    expect(found.byEpsilon.map(({ beta }) => beta)).toEqual([2, 2, 1]);
    expect(found.hiddenFrom).toBeNull();
  });

  test("a sample keeps the relevant documents", async () => {
    const encoder = await openEncoder("lexical:256");
    const set = madeUpSet(300);
    const { documentIds, questions } = await encodeCollection(set, encoder, { ...options, rows: 60, limit: 7 });
    expect(documentIds).toHaveLength(60);
    expect(questions.rows).toBe(7);
    expect(documentIds).toEqual(expect.arrayContaining(["d0", "d10", "d60"]));
    const nothing: BeirSet = { ...set, qrels: new Map([["q0", new Map([["elsewhere", 1]])]]) };
    await expect(encodeCollection(nothing, encoder, options)).rejects.toThrow(fault("NOTHING_TO_ASK"));
    await expect(encodeCollection(madeUpSet(40), encoder, options)).rejects.toThrow(fault("CORPUS_TOO_SMALL"));
    await encoder.close();
  });

  test("ends when it is told to", async () => {
    const encoder = await openEncoder("lexical:256");
    const stopped = { ...options, signal: AbortSignal.abort() };
    await expect(encodeCollection(madeUpSet(300), encoder, stopped)).rejects.toThrow(/abort/i);
    await encoder.close();
  });
});
