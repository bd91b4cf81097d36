import { type AdamArrays, type AdamState, adamArrays, adamRates, adamState, adamStep, freshAdam } from "./adam.ts";
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
  /** Of the batches seen, shape [bits] each. */
  readonly runningMean: Float32Array;
  readonly runningVariance: Float32Array;
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
    runningMean: new Float32Array(bits),
    runningVariance: new Float32Array(bits).fill(1),
  };
}

/**
 * A party's model: perceptron -> batch normalisation -> sign (HashVFL, arXiv 2212.00325, section 4). The normalisation learns no scale or shift: a
 * positive scale changes no sign, and a shift would undo the balance of bits it is there for.
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
  #runningMean: Float32Array;
  #runningVariance: Float32Array;
  /** What the last training batch was fed, until its gradient comes. */
  #batch: JaxArray | null = null;

  constructor(jax: JaxLibrary, features: number, settings: BottomSettings, state: BottomState) {
    this.#jax = jax;
    this.#settings = settings;
    this.#features = features;
    this.#arrays = adamArrays(jax, state.adam, layerShapes([features, ...settings.hidden, settings.bits]));
    this.#steps = state.adam.steps;
    this.#runningMean = state.runningMean;
    this.#runningVariance = state.runningVariance;
    this.#compiled = compile(jax, settings);
  }

  /** Releases a batch, by its own statistics, and keeps it for {@link learn}. @param rows - Row-major, shape [rows, features]. */
  async release(rows: Float32Array): Promise<Float32Array> {
    const { tree } = this.#jax;
    this.#batch?.dispose();
    this.#batch = arrayOf(this.#jax, rows, [rows.length / this.#features, this.#features]);
    const [released, mean, variance] = this.#compiled.release(tree.ref(this.#arrays[0]), this.#batch.ref);
    this.#runningMean = movingAverage(this.#runningMean, await valuesOf(mean));
    this.#runningVariance = movingAverage(this.#runningVariance, await valuesOf(variance));
    return valuesOf(released);
  }

  get isWaitingForGradient(): boolean {
    return this.#batch !== null;
  }

  /** Shape of the gradient that {@link learn} takes next. */
  get batchRows(): number {
    return this.#batch?.shape[0] ?? 0;
  }

  /** @param gradient - By what {@link release} gave, shape [rows, bits]. */
  learn(gradient: Float32Array, learningRate: number): void {
    const batch = this.#batch;
    if (batch === null) throw new TypeError("learn() without release()");
    this.#batch = null;
    this.#steps++;
    const rates = { step: this.#steps, learningRate, weightDecay: this.#settings.weightDecay };
    this.#arrays = this.#compiled.learn(
      this.#arrays,
      batch,
      arrayOf(this.#jax, gradient, [batch.shape[0]!, this.#settings.bits]),
      adamRates(this.#jax, rates),
    );
  }

  /** Releases rows by the running statistics, so that no row's code depends on another row. */
  async evaluate(rows: Float32Array): Promise<Float32Array> {
    const { bits } = this.#settings;
    const features = this.#features;
    const count = rows.length / features;
    const released = new Float32Array(count * bits);
    for (let from = 0; from < count; from += EVALUATED_AT_ONCE) {
      const padded = new Float32Array(EVALUATED_AT_ONCE * features);
      padded.set(rows.subarray(from * features, (from + EVALUATED_AT_ONCE) * features));
      const part = await valuesOf(
        this.#compiled.evaluate(
          this.#jax.tree.ref(this.#arrays[0]),
          arrayOf(this.#jax, padded, [EVALUATED_AT_ONCE, features]),
          arrayOf(this.#jax, this.#runningMean, [bits]),
          arrayOf(this.#jax, this.#runningVariance, [bits]),
        ),
      );
      released.set(part.subarray(0, Math.min(EVALUATED_AT_ONCE, count - from) * bits), from * bits);
    }
    return released;
  }

  async state(): Promise<BottomState> {
    return {
      adam: await adamState(this.#jax, this.#arrays, this.#steps),
      runningMean: this.#runningMean,
      runningVariance: this.#runningVariance,
    };
  }

  [Symbol.dispose](): void {
    this.#batch?.dispose();
    this.#batch = null;
    this.#jax.tree.dispose(this.#arrays);
    for (const compiled of Object.values(this.#compiled)) compiled.dispose();
  }
}

function compile(jax: JaxLibrary, { batchNorm, release, greedyPenalty }: BottomSettings) {
  const { numpy, grad, jit } = jax;
  /** What the sign is taken of, and the statistics it was normalised by. */
  const normalised = (weights: JaxArray[], rows: JaxArray): [JaxArray, JaxArray, JaxArray] => {
    const outputs = perceptron(jax, weights, rows);
    const mean = numpy.mean(outputs.ref, 0);
    const centred = outputs.ref.sub(mean.ref);
    const variance = numpy.mean(numpy.square(centred.ref), 0);
    if (!batchNorm) {
      centred.dispose();
      return [outputs, mean, variance];
    }
    outputs.dispose();
    return [centred.div(numpy.sqrt(variance.ref.add(NORM_EPSILON))), mean, variance];
  };
  const sign = (values: JaxArray): JaxArray => numpy.where(values.greaterEqual(0), 1, -1).astype(numpy.float32);
  const outward = (values: JaxArray): JaxArray => (release === "codes" ? sign(values) : values);
  /**
   * Its gradient by the weights is the one to step by. The sign's own gradient, zero almost everywhere, is replaced by the identity (the
   * straight-through estimator, Bengio et al., arXiv 1308.3432): the server's gradient by the code is taken as that by what the sign was taken of.
   */
  const surrogate = (weights: JaxArray[], rows: JaxArray, gradient: JaxArray): JaxArray => {
    const [values, mean, variance] = normalised(weights, rows);
    mean.dispose();
    variance.dispose();
    const own =
      greedyPenalty === 0
        ? null
        : numpy.mean(numpy.power(numpy.abs(numpy.abs(values.ref).sub(1)), 3)).mul(greedyPenalty);
    const served = numpy.sum(values.mul(gradient));
    return own === null ? served : served.add(own);
  };
  return {
    release: jit((weights: JaxArray[], rows: JaxArray) => {
      const [values, mean, variance] = normalised(weights, rows);
      return [outward(values), mean, variance] as [JaxArray, JaxArray, JaxArray];
    }),
    learn: jit((arrays: AdamArrays, rows: JaxArray, gradient: JaxArray, rates: JaxArray) =>
      adamStep(jax, arrays, grad(surrogate)(jax.tree.ref(arrays[0]), rows, gradient), rates),
    ),
    evaluate: jit((weights: JaxArray[], rows: JaxArray, mean: JaxArray, variance: JaxArray) => {
      const outputs = perceptron(jax, weights, rows);
      if (batchNorm) return outward(outputs.sub(mean).div(numpy.sqrt(variance.add(NORM_EPSILON))));
      mean.dispose();
      variance.dispose();
      return outward(outputs);
    }),
  };
}

function movingAverage(running: Float32Array, batch: Float32Array): Float32Array {
  return running.map((value, i) => (1 - NORM_MOMENTUM) * value + NORM_MOMENTUM * batch[i]!);
}
