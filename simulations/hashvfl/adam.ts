import { type JaxArray, type JaxLibrary, arrayOf, valuesOf } from "./jax.ts";

const DECAY_MEAN = 0.9;
const DECAY_SQUARE = 0.999;
const STABILITY = 1e-8;

/** What a model learns, and Adam's running moments of its gradients; three lists of arrays of the same shapes. */
export type AdamArrays = [weights: JaxArray[], means: JaxArray[], squares: JaxArray[]];

/** The same as bytes would keep it. */
export interface AdamState {
  readonly steps: number;
  readonly weights: readonly Float32Array[];
  readonly means: readonly Float32Array[];
  readonly squares: readonly Float32Array[];
}

export function freshAdam(weights: readonly Float32Array[]): AdamState {
  const zeros = (): Float32Array[] => weights.map(({ length }) => new Float32Array(length));
  return { steps: 0, weights, means: zeros(), squares: zeros() };
}

export function adamArrays(jax: JaxLibrary, state: AdamState, shapes: readonly number[][]): AdamArrays {
  const arrays = (values: readonly Float32Array[]): JaxArray[] =>
    values.map((entries, i) => arrayOf(jax, entries, shapes[i]!));
  return [arrays(state.weights), arrays(state.means), arrays(state.squares)];
}

/** @param arrays - Kept by the caller. */
export async function adamState(jax: JaxLibrary, arrays: AdamArrays, steps: number): Promise<AdamState> {
  const [weights, means, squares] = await Promise.all(
    arrays.map((list) => Promise.all(list.map((array) => valuesOf(array.ref)))),
  );
  return { steps, weights: weights!, means: means!, squares: squares! };
}

/** What changes from step to step, so that a compiled step need not: shape [3] for {@link adamStep}. */
export function adamRates(
  jax: JaxLibrary,
  {
    step,
    learningRate,
    weightDecay,
  }: { readonly step: number; readonly learningRate: number; readonly weightDecay: number },
): JaxArray {
  return arrayOf(
    jax,
    Float32Array.of(
      learningRate / (1 - DECAY_MEAN ** step),
      1 / (1 - DECAY_SQUARE ** step),
      learningRate * weightDecay,
    ),
    [3],
  );
}

/**
 * One step of Adam (Kingma & Ba, ICLR 2015) with weight decay apart from the gradient (AdamW: Loshchilov & Hutter, ICLR 2019). Biases decay too.
 * All arrays are taken over.
 */
export function adamStep(
  { numpy }: JaxLibrary,
  [weights, means, squares]: AdamArrays,
  gradients: readonly JaxArray[],
  rates: JaxArray,
): AdamArrays {
  const rate = rates.ref.slice(0);
  const correction = rates.ref.slice(1);
  const decay = rates.slice(2);
  const next: AdamArrays = [[], [], []];
  for (const [i, gradient] of gradients.entries()) {
    const mean = means[i]!.mul(DECAY_MEAN).add(gradient.ref.mul(1 - DECAY_MEAN));
    const square = squares[i]!.mul(DECAY_SQUARE).add(numpy.square(gradient).mul(1 - DECAY_SQUARE));
    const direction = mean.ref.mul(rate.ref).div(numpy.sqrt(square.ref.mul(correction.ref)).add(STABILITY));
    const shrunk = weights[i]!.ref.sub(weights[i]!.mul(decay.ref));
    next[0].push(shrunk.sub(direction));
    next[1].push(mean);
    next[2].push(square);
  }
  for (const scalar of [rate, correction, decay]) scalar.dispose();
  return next;
}
