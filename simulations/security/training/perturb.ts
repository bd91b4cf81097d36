import { type JaxArray, type JaxLibrary, arrayOf, valuesOf } from "../../hashvfl/jax.ts";
import type { JointModel, Surrogate } from "./joint-model.ts";

/** A step, as a share of epsilon (Madry et al. take more steps than epsilon / step, so that the border can be reached from anywhere). */
const STEP_SHARE = 0.25;

export interface PerturbOptions {
  readonly jax: JaxLibrary;
  readonly model: JointModel;
  /** The first party's inputs, shape [rows, features]. */
  readonly rows: Float32Array;
  /** What the second party released, shape [rows, bits]. */
  readonly other: Float32Array;
  readonly labels: Uint8Array;
  readonly classes: number;
  /** Whether the model sees signs. */
  readonly signs: boolean;
  /** Values that inputs may have. */
  readonly range: readonly [low: number, high: number];
  readonly steps: number;
  readonly random: () => number;
  readonly pause: () => Promise<void>;
}

/** Largest change of an input -> the share of rows whose predicted class is no longer their label. */
export interface Perturbed {
  readonly searched: ReadonlyMap<number, number>;
  /** By one random change of that size. */
  readonly noise: ReadonlyMap<number, number>;
}

/**
 * Changes the inputs of one party by at most epsilon each, so that the joint prediction is wrong: projected gradient ascent of the cross entropy with sign steps
 * from a random start (Madry et al., arXiv 1706.06083; one step of it is Goodfellow et al.'s, arXiv 1412.6572). The sign's gradient is replaced, in one run by
 * the identity and in another by that of a tanh (backward pass differentiable approximation: Athalye et al., arXiv 1802.00420). A row counts as soon as any
 * point on the way is misjudged by the true model.
 *
 * @param epsilons - Rising; what a smaller one allows a larger one does too.
 */
export async function perturb(options: PerturbOptions, epsilons: readonly number[]): Promise<Perturbed> {
  const { labels, signs, random } = options;
  const [searched, noise] = [new Map<number, number>(), new Map<number, number>()];
  const fooled = new Set<number>();
  using climb = climber(options);
  for (const epsilon of epsilons) {
    const corners = options.rows.map((value) => value + (random() < 0.5 ? -epsilon : epsilon));
    const wrongByNoise = await climb(corners, epsilon, 0, "none");
    noise.set(epsilon, wrongByNoise.size / labels.length);
    for (const surrogate of signs ? (["straight-through", "smooth"] as const) : (["none"] as const)) {
      const start = options.rows.map((value) => value + (2 * random() - 1) * epsilon);
      for (const row of await climb(start, epsilon, options.steps, surrogate)) fooled.add(row);
    }
    searched.set(epsilon, fooled.size / labels.length);
  }
  return { searched, noise };
}

/** @returns Rows that were misjudged on the way from `start`. */
type Climb = (start: Float32Array, epsilon: number, steps: number, surrogate: Surrogate) => Promise<Set<number>>;

function climber({
  jax,
  model,
  rows,
  other,
  labels,
  classes,
  signs,
  range,
  pause,
}: PerturbOptions): Climb & Disposable {
  const { numpy, nn, jit, grad } = jax;
  const shape = [labels.length, rows.length / labels.length];
  const arrays = {
    other: arrayOf(jax, other, [labels.length, other.length / labels.length]),
    targets: arrayOf(
      jax,
      Float32Array.from({ length: labels.length * classes }, (_, i) =>
        labels[Math.floor(i / classes)] === i % classes ? 1 : 0,
      ),
      [labels.length, classes],
    ),
  };
  const stepOf = (surrogate: Surrogate) => {
    const loss = (x: JaxArray, released: JaxArray, targets: JaxArray): JaxArray =>
      numpy.sum(nn.logSoftmax(model.scores(x, released, surrogate)).mul(targets)).neg();
    return jit((x: JaxArray, low: JaxArray, high: JaxArray, size: JaxArray, released: JaxArray, targets: JaxArray) => {
      const uphill = numpy.sign(grad(loss)(x.ref, released, targets));
      return numpy.minimum(numpy.maximum(x.add(uphill.mul(size)), low), high);
    });
  };
  const steps = { none: stepOf("none"), "straight-through": stepOf("straight-through"), smooth: stepOf("smooth") };
  const judge = jit((x: JaxArray, released: JaxArray) =>
    model.scores(x, released, signs ? "straight-through" : "none"),
  );
  const climb: Climb = async (start, epsilon, count, surrogate) => {
    const bound = (sign: number): Float32Array =>
      rows.map((value) => Math.min(range[1], Math.max(range[0], value + sign * epsilon)));
    const [lowest, highest] = [bound(-1), bound(1)];
    const [low, high] = [arrayOf(jax, lowest, shape), arrayOf(jax, highest, shape)];
    const size = arrayOf(jax, Float32Array.of(STEP_SHARE * epsilon), [1]);
    const within = start.map((value, i) => Math.min(highest[i]!, Math.max(lowest[i]!, value)));
    let x = arrayOf(jax, within, shape);
    const wrong = new Set<number>();
    for (let step = 0; ; step++) {
      await pause();
      const scores = await valuesOf(judge(x.ref, arrays.other.ref));
      for (const [row, label] of labels.entries()) if (likeliest(scores, row, classes) !== label) wrong.add(row);
      if (step === count) break;
      x = steps[surrogate](x, low.ref, high.ref, size.ref, arrays.other.ref, arrays.targets.ref);
    }
    jax.tree.dispose([x, low, high, size]);
    return wrong;
  };
  return Object.assign(climb, {
    [Symbol.dispose]: () => {
      jax.tree.dispose(arrays);
      for (const compiled of [...Object.values(steps), judge]) compiled.dispose();
    },
  });
}

/** @param scores - Shape [rows, classes]. */
export function likeliest(scores: Float32Array, row: number, classes: number): number {
  const ofRow = scores.subarray(row * classes, (row + 1) * classes);
  return ofRow.indexOf(Math.max(...ofRow));
}
