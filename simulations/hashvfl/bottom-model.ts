import { type AdamArrays, type AdamState, adamArrays, adamRates, adamState, adamStep, freshAdam } from "./adam.ts";
import { columnMedians, subtractRow, toSigns } from "./binarisation.ts";
import { trainingFault } from "./fault.ts";
import { type JaxArray, type JaxLibrary, arrayOf, valuesOf } from "./jax.ts";
import { heWeights, layerShapes, perceptron } from "./perceptron.ts";
import type { PartySettings } from "./training-party.ts";

/** Added to variances before their root, as every framework does. */
export const NORM_EPSILON = 1e-5;
/** How much of the running statistics a batch replaces. */
const NORM_MOMENTUM = 0.1;
/** Rows evaluated at a time; the last ones are padded, so that one compiled function serves. */
const EVALUATED_AT_ONCE = 512;

export interface BottomState {
  readonly adam: AdamState;
  readonly running: Statistics;
}

/** Of what the perceptron gives, shape [bits] each. */
export interface Statistics {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** Of (output - mean) / deviation; zeros without normalisation. */
  readonly median: Float32Array;
}

export type BottomSettings = Pick<
  PartySettings,
  "bits" | "hidden" | "batchNorm" | "release" | "greedyPenalty" | "weightDecay"
>;

/** A fresh state. @param widths - Features, hidden layers, bits. */
export function freshBottom(widths: readonly number[], random: () => number): BottomState {
  const bits = widths.at(-1)!;
  return {
    adam: freshAdam(heWeights(widths, random)),
    running: {
      mean: new Float32Array(bits),
      variance: new Float32Array(bits).fill(1),
      median: new Float32Array(bits),
    },
  };
}

/**
 * A party's model: perceptron -> batch normalisation -> sign (HashVFL, arXiv 2212.00325, section 4).
 *
 * The sign is taken about the median of what the batch was normalised to, not about its mean: with classes of uneven size, parties pulled to one code a
 * class give values so skewed that half the bits were positive for fewer than a third of the rows. The normalisation learns no scale or shift: a
 * positive scale changes no sign, and a shift would undo the balance.
 *
 * Dispose of it to give its arrays back.
 */
export class BottomModel implements Disposable {
  readonly #jax: JaxLibrary;
  readonly #settings: BottomSettings;
  readonly #features: number;
  readonly #compiled: ReturnType<typeof compile>;
  #arrays: AdamArrays;
  #steps: number;
  #running: Statistics;
  /** The last training batch, until its gradient comes. */
  #batch: { readonly rows: JaxArray; readonly median: Float32Array } | null = null;

  constructor(jax: JaxLibrary, features: number, settings: BottomSettings, state: BottomState) {
    this.#jax = jax;
    this.#settings = settings;
    this.#features = features;
    this.#arrays = adamArrays(jax, state.adam, layerShapes([features, ...settings.hidden, settings.bits]));
    this.#steps = state.adam.steps;
    this.#running = state.running;
    this.#compiled = compile(jax, settings);
  }

  /**
   * Releases a batch, by its own statistics, and keeps it for {@link learn}.
   *
   * @param rows - Row-major, shape [rows, features].
   * @throws Fault NOT_FINITE.
   */
  async release(rows: Float32Array): Promise<Float32Array> {
    const { bits, batchNorm } = this.#settings;
    this.#forgetBatch();
    const batch = arrayOf(this.#jax, rows, [rows.length / this.#features, this.#features]);
    const [normalised, mean, variance] = await Promise.all(
      this.#compiled.normalise(this.#jax.tree.ref(this.#arrays[0]), batch.ref).map(valuesOf),
    );
    const values = normalised!;
    const median = batchNorm ? columnMedians(values, bits) : new Float32Array(bits);
    this.#batch = { rows: batch, median };
    this.#running = {
      mean: movingAverage(this.#running.mean, mean!),
      variance: movingAverage(this.#running.variance, variance!),
      median: movingAverage(this.#running.median, median),
    };
    return this.#outward(values, median);
  }

  /** Of the batch that waits for its gradient; 0 where none does. */
  get batchRows(): number {
    return this.#batch?.rows.shape[0] ?? 0;
  }

  /** @param gradient - By what {@link release} gave, shape [rows, bits]. */
  learn(gradient: Float32Array, learningRate: number): void {
    const batch = this.#batch;
    if (batch === null) throw new TypeError("learn() without release()");
    const { bits, weightDecay } = this.#settings;
    this.#batch = null;
    this.#steps++;
    this.#arrays = this.#compiled.learn(
      this.#arrays,
      batch.rows,
      arrayOf(this.#jax, gradient, [batch.rows.shape[0]!, bits]),
      arrayOf(this.#jax, batch.median, [bits]),
      adamRates(this.#jax, { step: this.#steps, learningRate, weightDecay }),
    );
  }

  /** Releases rows by the running statistics, so that no row's code depends on another row. @throws Fault NOT_FINITE. */
  async evaluate(rows: Float32Array): Promise<Float32Array> {
    const { bits } = this.#settings;
    const features = this.#features;
    const count = rows.length / features;
    const values = new Float32Array(count * bits);
    for (let from = 0; from < count; from += EVALUATED_AT_ONCE) {
      const padded = new Float32Array(EVALUATED_AT_ONCE * features);
      padded.set(rows.subarray(from * features, (from + EVALUATED_AT_ONCE) * features));
      const part = await valuesOf(
        this.#compiled.evaluate(
          this.#jax.tree.ref(this.#arrays[0]),
          arrayOf(this.#jax, padded, [EVALUATED_AT_ONCE, features]),
          arrayOf(this.#jax, this.#running.mean, [bits]),
          arrayOf(this.#jax, this.#running.variance, [bits]),
        ),
      );
      values.set(part.subarray(0, Math.min(EVALUATED_AT_ONCE, count - from) * bits), from * bits);
    }
    return this.#outward(values, this.#running.median);
  }

  async state(): Promise<BottomState> {
    return { adam: await adamState(this.#jax, this.#arrays, this.#steps), running: this.#running };
  }

  [Symbol.dispose](): void {
    this.#forgetBatch();
    this.#jax.tree.dispose(this.#arrays);
    for (const compiled of Object.values(this.#compiled)) compiled.dispose();
  }

  /** What leaves the party of normalised values, in place. */
  #outward(values: Float32Array, median: Float32Array): Float32Array {
    if (!values.every(Number.isFinite))
      throw trainingFault("NOT_FINITE", "a bottom model gives no finite numbers any more; try a lower learning rate");
    subtractRow(values, median);
    if (this.#settings.release === "codes") toSigns(values);
    return values;
  }

  #forgetBatch(): void {
    this.#batch?.rows.dispose();
    this.#batch = null;
  }
}

function compile(jax: JaxLibrary, { batchNorm, greedyPenalty }: BottomSettings) {
  const { numpy, grad, jit } = jax;
  /** Normalised outputs and the statistics they were normalised by. */
  const normalise = (weights: JaxArray[], rows: JaxArray): [JaxArray, JaxArray, JaxArray] => {
    const outputs = perceptron(jax, weights, rows);
    const mean = numpy.mean(outputs.ref, 0);
    const centred = outputs.ref.sub(mean.ref);
    const variance = numpy.mean(numpy.square(centred.ref), 0);
    if (!batchNorm) {
      centred.dispose();
      return [outputs, mean, variance];
    }
    outputs.dispose();
    return [centred.div(deviation(variance.ref)), mean, variance];
  };
  const deviation = (variance: JaxArray): JaxArray => numpy.sqrt(variance.add(NORM_EPSILON));
  /**
   * The scalar to descend. The sign's own gradient, zero almost everywhere, is replaced by the identity (the straight-through estimator, Bengio et al.,
   * arXiv 1308.3432): the server's gradient by the code is taken as that by what the sign was taken of.
   */
  const surrogate = (weights: JaxArray[], rows: JaxArray, gradient: JaxArray, median: JaxArray): JaxArray => {
    const [normalised, mean, variance] = normalise(weights, rows);
    mean.dispose();
    variance.dispose();
    const values = normalised.sub(median);
    if (greedyPenalty === 0) return numpy.sum(values.mul(gradient));
    // |h - sign(h)| is ||h| - 1|.
    const distance = numpy.abs(numpy.abs(values.ref).sub(1));
    const penalty = numpy.mean(numpy.square(distance.ref).mul(distance)).mul(greedyPenalty);
    return numpy.sum(values.mul(gradient)).add(penalty);
  };
  return {
    normalise: jit(normalise),
    learn: jit((arrays: AdamArrays, rows: JaxArray, gradient: JaxArray, median: JaxArray, rates: JaxArray) =>
      adamStep(jax, arrays, grad(surrogate)(jax.tree.ref(arrays[0]), rows, gradient, median), rates),
    ),
    evaluate: jit((weights: JaxArray[], rows: JaxArray, mean: JaxArray, variance: JaxArray) => {
      const outputs = perceptron(jax, weights, rows);
      if (batchNorm) return outputs.sub(mean).div(deviation(variance));
      mean.dispose();
      variance.dispose();
      return outputs;
    }),
  };
}

function movingAverage(running: Float32Array, batch: Float32Array): Float32Array {
  return running.map((value, i) => (1 - NORM_MOMENTUM) * value + NORM_MOMENTUM * batch[i]!);
}
