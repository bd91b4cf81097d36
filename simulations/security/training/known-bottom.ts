import { type BottomState, NORM_EPSILON } from "../../hashvfl/bottom-model.ts";
import { type JaxArray, type JaxLibrary, arrayOf } from "../../hashvfl/jax.ts";
import { layerShapes, perceptron } from "../../hashvfl/perceptron.ts";

/** A bottom model that an attacker knows, as arrays to differentiate by its inputs. */
export interface KnownBottom extends Disposable {
  /** What the sign is taken of, shape [rows, bits]. @param rows - Shape [rows, features]; taken over. */
  activations(rows: JaxArray): JaxArray;
}

/** @param hidden - Widths of its hidden layers. Of a model with batch normalisation. */
export function knownBottom(
  jax: JaxLibrary,
  { adam: { weights }, running: { mean, variance, median } }: BottomState,
  features: number,
  hidden: readonly number[],
): KnownBottom {
  const bits = mean.length;
  const shapes = layerShapes([features, ...hidden, bits]);
  const layers = weights.map((values, i) => arrayOf(jax, values, shapes[i]!));
  const factor = arrayOf(
    jax,
    variance.map((value) => 1 / Math.sqrt(value + NORM_EPSILON)),
    [bits],
  );
  const middle = arrayOf(jax, mean, [bits]);
  const centre = arrayOf(jax, median, [bits]);
  return {
    activations: (rows) => perceptron(jax, jax.tree.ref(layers), rows).sub(middle.ref).mul(factor.ref).sub(centre.ref),
    [Symbol.dispose]: () => {
      jax.tree.dispose([...layers, factor, middle, centre]);
    },
  };
}
