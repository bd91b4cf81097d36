import type { JaxArray, JaxLibrary } from "./jax.ts";
import { normalDraw } from "./randomness.ts";

/** Weights and bias of a layer by turns, first layer first: shapes [inputs, outputs] and [outputs]. */
export type LayerArrays = JaxArray[];

/** Shape of every array of a multi-layer perceptron. @param widths - Inputs, hidden layers, outputs. */
export function layerShapes(widths: readonly number[]): number[][] {
  return widths.slice(1).flatMap((outputs, i) => [[widths[i]!, outputs], [outputs]]);
}

/** Normal weights of variance 2 / inputs, biases of zero (He et al., ICCV 2015). */
export function heWeights(widths: readonly number[], random: () => number): Float32Array[] {
  return layerShapes(widths).map(([inputs = 0, outputs]) => {
    if (outputs === undefined) return new Float32Array(inputs);
    const deviation = Math.sqrt(2 / inputs);
    return Float32Array.from({ length: inputs * outputs }, () => deviation * normalDraw(random));
  });
}

/**
 * Linear layers with ReLU between them.
 *
 * @param layers - Taken over.
 * @param inputs - Shape [rows, inputs]; taken over.
 */
export function perceptron({ numpy, nn }: JaxLibrary, layers: LayerArrays, inputs: JaxArray): JaxArray {
  let values = inputs;
  for (let i = 0; i < layers.length; i += 2) {
    values = numpy.matmul(values, layers[i]!).add(layers[i + 1]!);
    if (i + 2 < layers.length) values = nn.relu(values);
  }
  return values;
}
