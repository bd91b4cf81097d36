import { type AdamArrays, type AdamState, adamArrays, adamRates, adamState, adamStep, freshAdam } from "./adam.ts";
import { type JaxArray, type JaxLibrary, arrayOf, valuesOf } from "./jax.ts";
import { heWeights, layerShapes, perceptron } from "./perceptron.ts";

export interface TopSettings {
  readonly parties: number;
  readonly bits: number;
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  readonly consistencyWeight: number;
  readonly weightDecay: number;
}

export interface TopStep {
  /** Mean over the batch. */
  readonly loss: number;
  /** Of the loss by what each party released, shape [rows, bits] each. */
  readonly gradients: readonly Float32Array[];
}

/** Rows predicted at a time; the last ones are padded, so that one compiled function serves. */
const PREDICTED_AT_ONCE = 512;
/** Keeps the cosine of a release of zeros finite. */
const COSINE_EPSILON = 1e-8;

export function freshTop({ parties, bits, hidden }: TopSettings, classes: number, random: () => number): AdamState {
  return freshAdam(heWeights([parties * bits, ...hidden, classes], random));
}

/**
 * The server's model: a perceptron over what the parties release, side by side, and the loss
 * L = cross entropy(top([h_1..h_n]), y) + weight * (1 - mean over parties of cos(h_i, o_y)) (HashVFL, arXiv 2212.00325, eq. 8).
 *
 * Dispose of it to give its arrays back.
 */
export class TopModel implements Disposable {
  readonly #jax: JaxLibrary;
  readonly #settings: TopSettings;
  readonly #codes: readonly Float32Array[];
  readonly #compiled: ReturnType<typeof compile>;
  #arrays: AdamArrays;
  #steps: number;

  /** @param codes - Of each class, shape [classes, bits]. */
  constructor(jax: JaxLibrary, settings: TopSettings, codes: readonly Float32Array[], state: AdamState) {
    this.#jax = jax;
    this.#settings = settings;
    this.#codes = codes;
    const { parties, bits, hidden } = settings;
    this.#arrays = adamArrays(jax, state, layerShapes([parties * bits, ...hidden, codes.length]));
    this.#steps = state.steps;
    this.#compiled = compile(jax, settings);
  }

  /** One optimiser step. @param releases - Of each party, shape [rows, bits]. @param labels - Shape [rows]. */
  async learn(releases: readonly Float32Array[], labels: Uint8Array, learningRate: number): Promise<TopStep> {
    const { bits, weightDecay } = this.#settings;
    const rows = labels.length;
    this.#steps++;
    const [arrays, loss, gradients] = this.#compiled.learn(
      this.#arrays,
      releases.map((release) => arrayOf(this.#jax, release, [rows, bits])),
      arrayOf(this.#jax, oneHot(labels, this.#codes.length), [rows, this.#codes.length]),
      arrayOf(this.#jax, this.#codesOf(labels), [rows, bits]),
      adamRates(this.#jax, { step: this.#steps, learningRate, weightDecay }),
    );
    this.#arrays = arrays;
    return {
      loss: (await valuesOf(loss))[0]!,
      gradients: await Promise.all(gradients.map(valuesOf)),
    };
  }

  /** Probabilities of the classes, shape [rows, classes]. @param releases - Of each party, shape [rows, bits]. */
  async predict(releases: readonly Float32Array[]): Promise<Float32Array> {
    const { bits } = this.#settings;
    const classes = this.#codes.length;
    const rows = releases[0]!.length / bits;
    const predicted = new Float32Array(rows * classes);
    for (let from = 0; from < rows; from += PREDICTED_AT_ONCE) {
      const inputs = releases.map((release) => {
        const padded = new Float32Array(PREDICTED_AT_ONCE * bits);
        padded.set(release.subarray(from * bits, (from + PREDICTED_AT_ONCE) * bits));
        return arrayOf(this.#jax, padded, [PREDICTED_AT_ONCE, bits]);
      });
      const part = await valuesOf(this.#compiled.predict(this.#jax.tree.ref(this.#arrays[0]), inputs));
      predicted.set(part.subarray(0, Math.min(PREDICTED_AT_ONCE, rows - from) * classes), from * classes);
    }
    return predicted;
  }

  state(): Promise<AdamState> {
    return adamState(this.#jax, this.#arrays, this.#steps);
  }

  [Symbol.dispose](): void {
    this.#jax.tree.dispose(this.#arrays);
    for (const compiled of Object.values(this.#compiled)) compiled.dispose();
  }

  #codesOf(labels: Uint8Array): Float32Array {
    const { bits } = this.#settings;
    const codes = new Float32Array(labels.length * bits);
    labels.forEach((label, row) => {
      codes.set(this.#codes[label]!, row * bits);
    });
    return codes;
  }
}

function compile(jax: JaxLibrary, { consistencyWeight }: TopSettings) {
  const { numpy, nn, jit, valueAndGrad } = jax;
  const lossOf = (weights: JaxArray[], releases: JaxArray[], targets: JaxArray, codes: JaxArray): JaxArray => {
    const own = jax.tree.ref(releases);
    const logits = perceptron(jax, weights, numpy.concatenate(releases, 1));
    let loss = numpy.mean(numpy.sum(nn.logSoftmax(logits).mul(targets), 1)).neg();
    for (const release of own) {
      const cosine = cosines(release, codes.ref);
      loss = loss.add(numpy.mean(cosine.neg().add(1)).mul(consistencyWeight / own.length));
    }
    codes.dispose();
    return loss;
  };
  /** Row by row, shape [rows]. */
  const cosines = (release: JaxArray, codes: JaxArray): JaxArray => {
    const length = numpy.sqrt(numpy.sum(numpy.square(release.ref), 1).add(COSINE_EPSILON));
    return numpy.sum(release.mul(codes.ref), 1).div(length.mul(numpy.sqrt(numpy.sum(numpy.square(codes), 1))));
  };
  const lossAndGradients = valueAndGrad(lossOf, { argnums: [0, 1] });
  return {
    learn: jit((arrays: AdamArrays, releases: JaxArray[], targets: JaxArray, codes: JaxArray, rates: JaxArray) => {
      const [loss, [byWeights, byReleases]] = lossAndGradients(jax.tree.ref(arrays[0]), releases, targets, codes);
      return [adamStep(jax, arrays, byWeights, rates), loss, byReleases] as [AdamArrays, JaxArray, JaxArray[]];
    }),
    predict: jit((weights: JaxArray[], releases: JaxArray[]) =>
      nn.softmax(perceptron(jax, weights, numpy.concatenate(releases, 1))),
    ),
  };
}

function oneHot(labels: Uint8Array, classes: number): Float32Array {
  const targets = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => (targets[row * classes + label] = 1));
  return targets;
}
