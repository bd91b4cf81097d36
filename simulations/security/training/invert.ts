import { adamArrays, adamRates, adamStep, freshAdam } from "../../hashvfl/adam.ts";
import { type JaxArray, type JaxLibrary, arrayOf, valuesOf } from "../../hashvfl/jax.ts";
import type { KnownBottom } from "./known-bottom.ts";

/** How far inside its sign's half an activation is pushed. */
const MARGIN = 0.5;
/** Keeps the derivative of total variation finite where neighbours are equal. */
const SMOOTHING = 1e-3;

export interface InvertOptions {
  readonly jax: JaxLibrary;
  readonly bottom: KnownBottom;
  /** What was released, shape [rows, bits]. */
  readonly released: Float32Array;
  /** Whether only the signs of the activations are known. */
  readonly signsOnly: boolean;
  /** What the search starts from and is held near to, shape [rows, height * width], standardised. */
  readonly start: Float32Array;
  readonly image: { readonly height: number; readonly width: number };
  /** Standardised values of a black and of a white pixel. */
  readonly range: readonly [low: number, high: number];
  readonly weights: { readonly totalVariation: number; readonly nearStart: number };
  readonly steps: number;
  readonly rate: number;
  readonly onStep: (step: number) => Promise<void>;
}

/**
 * Looks for images whose release is the one seen (He, Zhang and Lee, "Model Inversion Attacks Against Collaborative Inference", ACSAC 2019, white-box):
 * ||f(x) - released||^2 + weight * total variation of x, descended with Adam. Of codes, activations are only pushed to their sides of zero.
 *
 * @returns Shape [rows, height * width], standardised, within `range`.
 */
export async function invert(options: InvertOptions): Promise<Float32Array> {
  const { jax, released, start, image, range, steps, rate, onStep } = options;
  const { numpy } = jax;
  const pixels = image.height * image.width;
  const rows = start.length / pixels;
  const shape = [rows, pixels];
  const lossOf = lossFunction(options);
  const step = jax.jit((arrays: Parameters<typeof adamStep>[1], target: JaxArray, near: JaxArray, rates: JaxArray) => {
    const gradient = jax.grad(lossOf)(arrays[0][0]!.ref, target, near);
    const [[x], means, squares] = adamStep(jax, arrays, [gradient], rates);
    return [[numpy.clip(x!, range[0], range[1])], means, squares] as typeof arrays;
  });
  const target = arrayOf(jax, released, [rows, released.length / rows]);
  const near = arrayOf(jax, start, shape);
  let arrays = adamArrays(jax, freshAdam([start]), [shape]);
  for (let i = 0; i < steps; i++) {
    if (i % 20 === 0) await onStep(i);
    const rates = adamRates(jax, { step: i + 1, learningRate: rate, weightDecay: 0 });
    // Steps that are not waited for pile up, and their memory with them.
    arrays = await jax.blockUntilReady(step(arrays, target.ref, near.ref, rates));
  }
  const found = await valuesOf(arrays[0][0]!.ref);
  jax.tree.dispose([arrays, target, near]);
  step.dispose();
  return found;
}

/** Summed over rows, so that every row is searched for by itself. */
function lossFunction({
  jax: { numpy, nn },
  bottom,
  signsOnly,
  start,
  image: { height, width },
  weights,
}: InvertOptions) {
  const rows = start.length / (height * width);
  const variation = (differences: JaxArray): JaxArray =>
    numpy.sum(numpy.sqrt(numpy.square(differences).add(SMOOTHING)));
  return (x: JaxArray, target: JaxArray, near: JaxArray): JaxArray => {
    const activations = bottom.activations(x.ref);
    const mismatch = signsOnly
      ? numpy.sum(numpy.square(nn.relu(activations.mul(target).neg().add(MARGIN))))
      : numpy.sum(numpy.square(activations.sub(target)));
    const distance = numpy.sum(numpy.square(x.ref.sub(near)));
    const image = numpy.reshape(x, [rows, height, width]);
    const down = image.ref.slice([], [1, height]).sub(image.ref.slice([], [0, height - 1]));
    const across = image.ref.slice([], [], [1, width]).sub(image.slice([], [], [0, width - 1]));
    return mismatch
      .add(variation(down).add(variation(across)).mul(weights.totalVariation))
      .add(distance.mul(weights.nearStart));
  };
}
