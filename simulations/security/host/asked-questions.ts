import {
  CapriseKey,
  type RankProfile,
  candidateCount,
  doubleNoise,
  liftedNorm,
  questionNoise,
} from "../../../crypto/index.ts";
import { QUERY_SHARE } from "../../../crypto/dcpe/scale-and-perturb.ts";
import { measureProfile, profileSample } from "../../../party-node/outsourced/index.ts";
import { normalDraw } from "../../hashvfl/randomness.ts";
import { type Matrix, innerProduct, matrixOf, nearest, row } from "../../sealing/matrix.ts";
import { sealRows } from "../../sealing/tune.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Lab } from "../lab.ts";
import { divide } from "../victim.ts";

/** A collection and what is asked of it, in the open. */
export interface Asking {
  readonly normMax: number;
  /** Shape [documents][dim]. */
  readonly rows: Matrix;
  /** Unit vectors, no two alike; shape [questions][dim]. */
  readonly questions: Matrix;
  /** For each question the most alike other one. */
  readonly mostAlike: readonly number[];
  /** As its owner would measure it; null where the encoder knows no word. */
  readonly profile: RankProfile | null;
  /** Rows that a question is asked for. */
  readonly k: number;
}

/** @throws Fault of the encoder and of the collection's files. */
export async function loadAsking(
  lab: Lab,
  sizes: { readonly rows: number; readonly coordinates: number; readonly questions: number },
): Promise<Asking> {
  const { seed, k } = lab.settings;
  const [encoder, victim] = [await lab.encoder(), await lab.victim()];
  const { owner } = divide(victim, {
    owner: Math.min(sizes.rows, Math.floor(sizes.coordinates / encoder.dim)),
    attacker: 0,
    seed,
  });
  const rows = await lab.encode(encoder, owner);
  const texts = [...new Set(victim.queries.map(({ text }) => text))];
  const vectors = new Map<string, Float32Array>();
  for (const i of sampleIndices(texts.length, sizes.questions, lab.random)) {
    const vector = await encoder.encodeQuery(texts[i]!);
    // Other words may be the same question to an encoder.
    if (vector.some((x) => x !== 0)) vectors.set(vector.join(), vector);
  }
  const questions = matrixOf([...vectors.values()], encoder.dim);
  const found = await nearest(questions, questions, { count: 2, by: "distance", signal: lab.signal });
  const documents = owner.map((document) => ({ ...document, documentId: document.id }));
  const source = {
    sample: profileSample(owner.length).map((at) => documents[at]!),
    rows: documents.map(({ documentId }, i) => ({ documentId, vector: row(rows, i) })),
    rowCount: owner.length,
  };
  return {
    normMax: encoder.normMax,
    rows,
    questions,
    mostAlike: found.rows.map((pair, i) => pair.find((other) => other !== i)!),
    profile: await measureProfile(source, encoder),
    k,
  };
}

/** What a host of this collection gets to see, with a key of its own. */
export class HostView implements Disposable {
  /** Stored ciphertexts, shape [documents][dim + 1]. */
  readonly stored: Matrix;
  readonly #asking: Asking;
  readonly #beta: number;
  readonly #key: CapriseKey;

  /** @param share - beta, as a share of normMax. */
  constructor(
    asking: Asking,
    options: { readonly share: number; readonly rotation: boolean; readonly secret: Uint8Array },
  ) {
    const { rows, normMax } = asking;
    this.#asking = asking;
    this.#beta = options.share * normMax;
    const parameters = { dim: rows.width, normMax, beta: this.#beta, scale: 1, rotation: options.rotation };
    this.#key = new CapriseKey(options.secret, parameters);
    this.stored = sealRows(this.#key, rows);
  }

  /** One ciphertext of each of these questions, as a reader makes it: scaled to the rows' norm, DistanceDP's noise of mean length `noise` times its own. */
  ask(questions: Matrix, noise: number): Matrix {
    const norm = liftedNorm(this.#asking.normMax);
    const epsilon = this.#epsilon(noise);
    const vectors = Array.from({ length: questions.rows }, (_, i) =>
      this.#key.encryptQuery(
        row(questions, i).map((x) => x * norm),
        epsilon === undefined ? {} : { epsilon },
      ),
    );
    return matrixOf(vectors, this.#key.ciphertextDim);
  }

  /** The ciphertexts without any noise, of the same norm as the rows. */
  withoutNoise(questions: Matrix): Matrix {
    const norm = liftedNorm(this.#asking.normMax);
    const vectors = Array.from({ length: questions.rows }, (_, i) =>
      this.#key.rotateQuery(row(questions, i).map((x) => x * norm)),
    );
    return matrixOf(vectors, this.#key.ciphertextDim);
  }

  /** Variance of a coordinate of a question's ciphertext. */
  noiseVariance(noise: number): number {
    const { width } = this.#asking.rows;
    const epsilon = this.#epsilon(noise);
    const privacy = epsilon === undefined ? 0 : (width + 1) / epsilon ** 2;
    return privacy + (QUERY_SHARE * this.#beta) ** 2 / (this.#key.ciphertextDim + 2);
  }

  /** `outsourced`: the k' rows nearest to each ciphertext of these rounds, nearest first. */
  async returned(
    rounds: readonly Matrix[],
    noise: number,
    signal: AbortSignal,
  ): Promise<readonly (readonly (readonly number[])[])[]> {
    const { rows, normMax } = this.#asking;
    const epsilon = this.#epsilon(noise);
    const count = this.#candidates(questionNoise({ dim: rows.width, normMax, beta: this.#beta, epsilon }));
    const search = async (asked: Matrix): Promise<readonly (readonly number[])[]> =>
      (await nearest(this.stored, asked, { count, by: "distance", signal })).rows;
    return Promise.all(rounds.map(search));
  }

  /**
   * `double`: the k' rows that a reader asks for after scoring them, in no order.
   *
   * @param deviation - Of the encrypted scoring's own error, in units of a unit question's scores.
   */
  fetched(deviation: number, random: () => number): readonly (readonly number[])[] {
    const { rows, questions, normMax } = this.#asking;
    const noise = Math.hypot(doubleNoise({ dim: rows.width, normMax, beta: this.#beta }), deviation);
    const count = this.#candidates(noise);
    const fetched: number[][] = [];
    for (let i = 0; i < questions.rows; i++) {
      const rotated = this.#key.rotateQuery(row(questions, i));
      const scores = Float64Array.from(
        { length: rows.rows },
        (_, j) => innerProduct(rotated, row(this.stored, j)) + deviation * normalDraw(random),
      );
      const order = Array.from(scores, (_, j) => j).sort((a, b) => scores[b]! - scores[a]!);
      fetched.push(order.slice(0, count).sort((a, b) => a - b));
    }
    return fetched;
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]();
  }

  #candidates(noise: number): number {
    const { rows, profile, k } = this.#asking;
    const most = Math.min(k, rows.rows);
    if (!profile) return Math.min(2 * k, rows.rows);
    return candidateCount({ k: most, noise, profile, rowCount: rows.rows }).candidates;
  }

  /** Of a question scaled to the rows' norm. */
  #epsilon(noise: number): number | undefined {
    const { rows, normMax } = this.#asking;
    return noise === 0 ? undefined : rows.width / noise / liftedNorm(normMax);
  }
}
