import { existsSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  CANDIDATES_MAX,
  CapriseKey,
  type RankProfile,
  candidateCount,
  doubleNoise,
  liftedNorm,
  measureRankProfile,
  profileRanks,
  questionNoise,
} from "../../../crypto/index.ts";
import { encoderInput } from "../../../party-node/documents/index.ts";
import { openEncoder } from "../../../party-node/encoders/index.ts";
import { loadBeirSet } from "../../../simulations/beir.ts";
import { fault, innerProduct, mean, seeded } from "../support.ts";
import { euclidean } from "./statistics.ts";
import { longTest } from "../../support/long.ts";

const SECRET = new Uint8Array(32).fill(9);

interface Setting {
  readonly dim: number;
  readonly normMax: number;
  readonly beta: number;
  readonly epsilon?: number | undefined;
}

const scaled = (vector: Float32Array, factor: number): Float32Array => vector.map((x) => x * factor);

/** What the host ranks by, in units of the inner product with the unit question, up to a constant for each question. */
function hostScores({ dim, normMax, beta, epsilon }: Setting, rows: readonly Float32Array[]) {
  using key = new CapriseKey(SECRET, { dim, normMax, beta, scale: 3, rotation: true });
  const sealed = rows.map((row, i) => key.encryptStored(`row ${i}`, 0, row));
  const norm = liftedNorm(normMax);
  return (question: Float32Array): number[] => {
    using mine = new CapriseKey(SECRET, { dim, normMax, beta, scale: 3, rotation: true });
    const asked = mine.encryptQuery(scaled(question, norm), epsilon === undefined ? {} : { epsilon });
    return sealed.map((row) => {
      let squares = 0;
      for (let i = 0; i < row.length; i++) squares += (row[i]! - asked[i]!) ** 2;
      return -squares / (2 * 9 * norm);
    });
  };
}

/** Standard deviation over rows, pooled over questions. */
function measuredNoise(
  scores: (question: Float32Array) => number[],
  rows: readonly Float32Array[],
  questions: readonly Float32Array[],
): number {
  const variances = questions.map((question) => {
    const errors = scores(question).map((score, i) => score - innerProduct(question, rows[i]!));
    const centre = mean(errors);
    return mean(errors.map((error) => (error - centre) ** 2));
  });
  return Math.sqrt(mean(variances));
}

describe("noise of a ranking", () => {
  const settings: Setting[] = [24, 385].flatMap((dim) =>
    [1, 24].flatMap((normMax) =>
      [0.3, 2, 30].flatMap((share) =>
        [undefined, dim / normMax, (20 * dim) / normMax].map((epsilon) => ({
          dim,
          normMax,
          beta: share * normMax,
          epsilon,
        })),
      ),
    ),
  );

  test.each(settings)("is as measured: dim $dim, normMax $normMax, beta $beta, epsilon $epsilon", (setting) => {
    const random = seeded(setting.dim);
    const rows = Array.from({ length: 400 }, () => random.vector(setting.dim, setting.normMax));
    const questions = Array.from({ length: 30 }, () => random.vector(setting.dim));
    const ratio = measuredNoise(hostScores(setting, rows), rows, questions) / questionNoise(setting);
    expect(ratio).toBeGreaterThan(0.88);
    expect(ratio).toBeLessThan(1.12);
  });

  test("is an upper bound where rows share a direction, and closer with their norm and cosine", () => {
    const [dim, normMax, beta] = [64, 2.5, 2];
    const random = seeded(3);
    const question = random.vector(dim);
    const rows = Array.from({ length: 2000 }, () => {
      const apart = random.vector(dim, 0.9);
      return question.map((x, i) => 1.5 * x + apart[i]!);
    });
    const rowNorm = Math.sqrt(mean(rows.map((row) => euclidean(row) ** 2)));
    const cosine = mean(rows.map((row) => innerProduct(question, row))) / normMax;
    const measured = measuredNoise(hostScores({ dim, normMax, beta }, rows), rows, [question, question, question]);
    expect(measured / questionNoise({ dim, normMax, beta })).toBeLessThan(0.7);
    const closer = measured / questionNoise({ dim, normMax, beta, rowNorm, cosine });
    expect(closer).toBeGreaterThan(0.9);
    expect(closer).toBeLessThan(1.05);
    const [dp, epsilon] = [{ dim, normMax, beta: 0.01 }, 50];
    const perturbed = measuredNoise(hostScores({ ...dp, epsilon }, rows), rows, Array(20).fill(question));
    expect(perturbed).toBeLessThan(questionNoise({ ...dp, epsilon, rowNorm }));
  });

  test.each([1, 24])("of a question that is not perturbed is <q, l> / s: normMax %d", (normMax) => {
    const [dim, beta, scale] = [48, 3 * normMax, 5];
    using key = new CapriseKey(SECRET, { dim, normMax, beta, scale });
    const random = seeded(4);
    const question = random.vector(dim);
    const errors = Array.from({ length: 4000 }, (_, i) => {
      const row = random.vector(dim, normMax);
      const sealed = key.encryptStored(`row ${i}`, 1, row);
      return innerProduct(question, sealed) / scale - innerProduct(question, row);
    });
    expect(euclidean(errors) / Math.sqrt(errors.length) / doubleNoise({ dim, normMax, beta })).toBeCloseTo(1, 1);
  });

  test("refuses what it does not know or cannot be", () => {
    const setting = { dim: 4, normMax: 1, beta: 1 };
    expect(() => questionNoise({ ...setting, beta: 0 })).toThrow(fault("PARAMETERS_INVALID"));
    expect(() => questionNoise({ ...setting, epsilon: 0 })).toThrow(fault("PARAMETERS_INVALID"));
    expect(() => doubleNoise({ ...setting, normMax: -1 })).toThrow(fault("PARAMETERS_INVALID"));
    expect(() => questionNoise({ ...setting, epsilom: 3 } as typeof setting)).toThrow(TypeError);
    expect(() => doubleNoise({ ...setting, epsilon: 3 } as typeof setting)).toThrow(TypeError);
  });
});

describe("a rank profile", () => {
  test("holds the scores at powers of two and at the last rank", () => {
    expect(profileRanks(1)).toEqual([1]);
    expect(profileRanks(8)).toEqual([1, 2, 4, 8]);
    expect(profileRanks(9)).toEqual([1, 2, 4, 8, 9]);
    const scores = Float32Array.from([3, 9, 1, 7, 5]);
    expect(measureRankProfile([scores])).toEqual({ rowCount: 5, questions: [[9, 7, 3, 1]] });
    expect([...scores]).toEqual([3, 9, 1, 7, 5]);
  });

  test("needs questions of one length", () => {
    expect(() => measureRankProfile([])).toThrow(TypeError);
    expect(() => measureRankProfile([new Float32Array()])).toThrow(TypeError);
    expect(() => measureRankProfile([new Float32Array(2), new Float32Array(3)])).toThrow(TypeError);
  });
});

/** Scores that fall by 1 for each doubling of the rank. */
const LOGARITHMIC: RankProfile = measureRankProfile([
  Float32Array.from({ length: 100_000 }, (_, i) => -Math.log2(i + 1)),
]);

describe("the number of candidates", () => {
  const count = (options: Partial<Parameters<typeof candidateCount>[0]>) =>
    candidateCount({ k: 10, noise: 0.3, profile: LOGARITHMIC, rowCount: 100_000, ...options });

  test("is a little above k without noise, and never more than there are rows", () => {
    expect(count({ noise: 0 })).toEqual({ candidates: 15, missShare: 0, isCapped: false });
    expect(count({ noise: 1e-9 }).candidates).toBe(15);
    expect(count({ rowCount: 11, noise: 5 })).toEqual({ candidates: 11, missShare: 0, isCapped: false });
    expect(count({ rowCount: 3, noise: 0 }).candidates).toBe(3);
    expect(count({ k: CANDIDATES_MAX }).candidates).toBe(CANDIDATES_MAX);
  });

  test("grows with noise, with k and with what must not be missed", () => {
    const noises = [0.3, 0.5, 0.8, 1].map((noise) => count({ noise }).candidates);
    expect(noises).toEqual([...noises].sort((a, b) => a - b));
    expect(new Set(noises).size).toBe(4);
    expect(count({ k: 20 }).candidates).toBeGreaterThan(count({}).candidates);
    expect(count({ missProbability: 0.001 }).candidates).toBeGreaterThan(count({}).candidates);
  });

  test("says when more would have been needed than a host is asked for", () => {
    const { candidates, missShare, isCapped } = count({ noise: 4 });
    expect({ candidates, isCapped }).toEqual({ candidates: CANDIDATES_MAX, isCapped: true });
    expect(missShare).toBeGreaterThan(0.01);
    expect(count({}).missShare).toBeLessThanOrEqual(0.005);
  });

  test("follows a collection that has grown since its profile was measured", () => {
    const scores = Float32Array.from({ length: 100_000 }, (_, i) => -Math.sqrt(i + 1));
    const [all, thinned] = [scores, scores.filter((_, i) => i % 100 === 99)].map((of) =>
      count({ k: 300, noise: 3, profile: measureRankProfile([of]) }),
    );
    expect(all?.candidates).toBeGreaterThan(400);
    expect(thinned?.candidates).toBeGreaterThan(0.95 * (all?.candidates ?? NaN));
    expect(thinned?.candidates).toBeLessThan(1.1 * (all?.candidates ?? NaN));
  });

  const wrong = [{ k: 0 }, { k: 1.5 }, { noise: -1 }, { noise: NaN }, { rowCount: 0 }, { missProbability: 1 }];
  test.each(wrong)("refuses %j", (options) => {
    expect(() => count(options)).toThrow(fault("PARAMETERS_INVALID"));
  });

  test("refuses options it does not know", () => {
    expect(() => count({ missprobability: 0.1 } as object)).toThrow(TypeError);
  });
});

interface Collection {
  readonly normMax: number;
  readonly rows: readonly Float32Array[];
  readonly questions: readonly Float32Array[];
}

/** The first `count` rows of highest score, best first. */
const best = (scores: ArrayLike<number>, count: number): number[] =>
  Array.from(scores, (_, i) => i)
    .sort((a, b) => scores[b]! - scores[a]!)
    .slice(0, count);

/** Rows as questions, each without itself. */
function ownProfile(rows: readonly Float32Array[]): RankProfile {
  const picked = Array.from({ length: 32 }, (_, i) => Math.floor((i * rows.length) / 32));
  return measureRankProfile(
    picked.map((i) => {
      const question = scaled(rows[i]!, 1 / euclidean(rows[i]!));
      return Float32Array.from(rows, (row) => innerProduct(question, row)).filter((_, j) => j !== i);
    }),
  );
}

/** Expects the share of the true top 10 within k' to be what was promised, and gives each k'. */
function expectPromised({ normMax, rows, questions }: Collection, betas: readonly number[]): number[] {
  const dim = rows[0]!.length;
  const profile = ownProfile(rows);
  return betas.map((beta) => {
    const noise = questionNoise({ dim, normMax, beta });
    const { candidates, isCapped } = candidateCount({ k: 10, noise, profile, rowCount: rows.length });
    expect(isCapped).toBe(false);
    const scores = hostScores({ dim, normMax, beta }, rows);
    const shares = questions.map((question) => {
      const returned = new Set(best(scores(question), candidates));
      const wanted = best(
        Float32Array.from(rows, (row) => innerProduct(question, row)),
        10,
      );
      return wanted.filter((row) => returned.has(row)).length / 10;
    });
    // 0.995 is promised on average over any questions; these are a sample of them, and the noise is drawn anew: 50 questions leave .003 of standard deviation.
    expect(mean(shares)).toBeGreaterThan(0.98);
    return candidates;
  });
}

test("clusters: what was promised is among the candidates, and not by asking for everything", () => {
  const [dim, random] = [64, seeded(5)];
  const centres = Array.from({ length: 60 }, () => random.vector(dim));
  const near = (centre: Float32Array, spread: number, norm: number): Float32Array => {
    const apart = random.vector(dim, spread);
    const sum = centre.map((x, i) => x + apart[i]!);
    return scaled(sum, norm / euclidean(sum));
  };
  const rows = Array.from({ length: 3000 }, (_, i) => near(centres[i % 60]!, 1, 2 - (i % 7) / 10));
  const questions = Array.from({ length: 40 }, (_, i) => near(centres[i]!, 1, 1));
  const counts = expectPromised({ normMax: 2, rows, questions }, [0.05, 0.5, 2]);
  expect(counts[0]).toBeLessThan(20);
  expect(counts[1]).toBeLessThan(150);
  expect(counts[2]).toBeLessThan(1500);
});

const BEIR = "../shared/data/beir";
const MODEL = "../shared/models/potion-base-2M";
describe.each(["lexical", `hybrid(lexical,onnx:${MODEL})`])("%s", (spec) => {
  const isThere = existsSync(`${BEIR}/scifact`) && existsSync(MODEL);
  // The short form takes the encoder that is built in.
  const testHere = spec === "lexical" ? test : longTest;
  (isThere ? testHere : test.skip).each(["scifact", "cranfield"])(
    "what was promised is among the candidates on ../shared/data/beir/%s (skipped where that is absent)",
    async (name) => {
      const encoder = await openEncoder(spec);
      try {
        const { documents, queries } = await loadBeirSet(`${BEIR}/${name}`);
        const texts = documents.slice(0, 1200).map(({ title, text }) => encoderInput({ title, text }));
        const statistics = encoder.statistics();
        for (const text of texts) statistics.add(text);
        const rows = await encoder.encodePassages(texts, statistics);
        const questions = await Promise.all(queries.slice(0, 50).map(({ text }) => encoder.encodeQuery(text)));
        const { normMax } = encoder;
        const counts = expectPromised({ normMax, rows, questions }, [0.3 * normMax, normMax]);
        expect(counts[0]).toBeLessThan(25);
        expect(counts[1]).toBeLessThan(200);
      } finally {
        await encoder.close();
      }
    },
    120_000,
  );
});
