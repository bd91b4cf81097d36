import { type JaxArray, type JaxLibrary, arrayOf } from "../../hashvfl/jax.ts";
import { layerShapes, perceptron } from "../../hashvfl/perceptron.ts";
import type { TrainingSettings } from "../../hashvfl/settings.ts";
import type { VerticalData } from "../../hashvfl/vertical-data.ts";
import { knownBottom } from "./known-bottom.ts";
import type { Trained } from "./trained.ts";

/** How the gradient gets past the sign: not at all, as if there were none, or as that of a tanh. */
export type Surrogate = "none" | "straight-through" | "smooth";

/** How steep the tanh is that stands for a sign. */
const STEEPNESS = 2;

/** The first party's bottom model and the server's, to differentiate by the first party's inputs. Two parties. */
export interface JointModel extends Disposable {
  /**
   * Scores of the classes, shape [rows, classes].
   *
   * @param rows - The first party's, shape [rows, features]; taken over.
   * @param other - What the second party released, shape [rows, bits]; taken over.
   */
  scores(rows: JaxArray, other: JaxArray, surrogate: Surrogate): JaxArray;
}

export function jointModel(
  jax: JaxLibrary,
  trained: Trained,
  { data, settings }: { readonly data: VerticalData; readonly settings: TrainingSettings },
): JointModel {
  const { numpy, lax } = jax;
  const bottom = knownBottom(jax, trained.bottoms[0]!, data.parties[0]!.features.length, settings.bottomHidden);
  const shapes = layerShapes([data.parties.length * settings.bits, ...settings.topHidden, data.classes.length]);
  const top = trained.top.weights.map((values, i) => arrayOf(jax, values, shapes[i]!));
  const release = (activations: JaxArray, surrogate: Surrogate): JaxArray => {
    if (surrogate === "none") return activations;
    if (surrogate === "smooth") return numpy.tanh(activations.mul(STEEPNESS));
    const signs = numpy.sign(activations.ref);
    return activations.ref.add(lax.stopGradient(signs.sub(activations)));
  };
  return {
    scores: (rows, other, surrogate) => {
      const released = release(bottom.activations(rows), surrogate);
      return perceptron(jax, jax.tree.ref(top), numpy.concatenate([released, other], 1));
    },
    [Symbol.dispose]: () => {
      bottom[Symbol.dispose]();
      jax.tree.dispose(top);
    },
  };
}
