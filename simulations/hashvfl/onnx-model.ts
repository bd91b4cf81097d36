import { Fault } from "../../crypto/index.ts";
import { type OnnxNode, type OnnxTensor, encodeOnnx } from "./onnx-proto.ts";

/** Features, bits or widths of a layer that an exported model may have. */
const WIDTH_MAX = 65_536;
/** A protobuf message ends at 2 GiB. */
const PARAMETERS_MAX = 256 * 1024 * 1024;
export const FEATURES_INPUT = "features";
export const CODE_OUTPUT = "code";

export interface DenseLayer {
  /** Row-major, shape [inputs, outputs]. */
  readonly weights: Float32Array;
  /** Shape [outputs]. */
  readonly bias: Float32Array;
  readonly inputs: number;
  readonly outputs: number;
}

/** Batch normalisation as it is in inference; each array of shape [bits]. */
export interface BatchNorm {
  readonly mean: Float32Array;
  /** Not below 0. */
  readonly variance: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  /** Above 0. */
  readonly epsilon: number;
}

/** What a feature goes through before the first layer: (x - mean) / scale; each of shape [inputs], scales above 0. */
export interface Standardisation {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
}

/** What one party holds after training: dense layers with ReLU between them, batch normalisation after the last, then the sign. */
export interface BottomModel {
  /** At least one. */
  readonly layers: readonly DenseLayer[];
  readonly batchNorm: BatchNorm | null;
  /** Whether the model ends in the sign, which is 1 for 0; otherwise its output is what the sign would be taken of. */
  readonly sign: boolean;
  /** Set where the model shall take raw features. */
  readonly standardise?: Standardisation | null;
}

/**
 * The model as an ONNX file: input `features`, float32, shape [rows, inputs]; output `code`, float32, shape [rows, bits].
 *
 * @throws Fault MODEL_INVALID where sizes do not fit each other or a number is not finite.
 */
export function bottomModelToOnnx(model: BottomModel): Uint8Array {
  check(model);
  const { layers, batchNorm, sign, standardise = null } = model;
  const graph = new Chain(FEATURES_INPUT);
  if (standardise) {
    graph.then("Sub", [graph.tensor("mean", standardise.mean)]);
    graph.then("Div", [graph.tensor("scale", standardise.scale)]);
  }
  layers.forEach(({ weights, bias, inputs, outputs }, i) => {
    if (i > 0) graph.then("Relu");
    const number = String(i + 1);
    graph.then("Gemm", [
      graph.tensor(`weights${number}`, weights, [inputs, outputs]),
      graph.tensor(`bias${number}`, bias),
    ]);
  });
  if (batchNorm) {
    const { gamma, beta, mean, variance, epsilon } = batchNorm;
    const parts = Object.entries({ gamma, beta, runningMean: mean, runningVariance: variance });
    graph.then(
      "BatchNormalization",
      parts.map(([name, values]) => graph.tensor(name, values)),
      { epsilon },
    );
  }
  if (sign) {
    graph.then("GreaterOrEqual", [graph.tensor("zero", Float32Array.of(0), [])]);
    graph.then("Where", [
      graph.tensor("one", Float32Array.of(1), []),
      graph.tensor("minusOne", Float32Array.of(-1), []),
    ]);
  }
  graph.then("Identity", [], {}, CODE_OUTPUT);
  return encodeOnnx({
    name: "bottom",
    input: { name: FEATURES_INPUT, columns: layers[0]!.inputs },
    output: { name: CODE_OUTPUT, columns: layers.at(-1)!.outputs },
    nodes: graph.nodes,
    tensors: graph.tensors,
  });
}

/** Nodes of which each takes what the one before made as its first input. */
class Chain {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  #last: string;

  constructor(input: string) {
    this.#last = input;
  }

  tensor(name: string, values: Float32Array, shape: readonly number[] = [values.length]): string {
    this.tensors.push({ name, values, shape });
    return name;
  }

  then(
    operator: string,
    more: readonly string[] = [],
    attributes: Readonly<Record<string, number>> = {},
    output = `step${String(this.nodes.length + 1)}`,
  ): void {
    this.nodes.push({ operator, inputs: [this.#last, ...more], output, attributes });
    this.#last = output;
  }
}

function check({ layers, batchNorm, standardise = null }: BottomModel): void {
  const [first] = layers;
  if (!first) throw invalid("it has no layer");
  let width = first.inputs;
  let parameters = 0;
  layers.forEach(({ weights, bias, inputs, outputs }, i) => {
    const layer = `layer ${String(i + 1)}`;
    if (![inputs, outputs].every((size) => Number.isInteger(size) && size >= 1 && size <= WIDTH_MAX))
      throw invalid(`${layer} must have between 1 and ${String(WIDTH_MAX)} inputs and outputs`);
    if (inputs !== width)
      throw invalid(`${layer} takes ${String(inputs)} numbers where the one before gives ${String(width)}`);
    parameters += inputs * outputs;
    if (parameters > PARAMETERS_MAX) throw invalid(`it has more than ${String(PARAMETERS_MAX)} weights`);
    checkNumbers(`weights of ${layer}`, weights, inputs * outputs);
    checkNumbers(`bias of ${layer}`, bias, outputs);
    width = outputs;
  });
  if (batchNorm) {
    const { mean, variance, gamma, beta, epsilon } = batchNorm;
    for (const [name, values] of Object.entries({ mean, variance, gamma, beta }))
      checkNumbers(`${name} of the batch normalisation`, values, width);
    if (!(epsilon > 0 && Number.isFinite(epsilon))) throw invalid("epsilon of the batch normalisation must be above 0");
    if (variance.some((value) => value < 0)) throw invalid("a variance of the batch normalisation is below 0");
  }
  if (standardise) {
    for (const [name, values] of Object.entries(standardise))
      checkNumbers(`${name} of the features`, values as Float32Array, first.inputs);
    if (standardise.scale.some((value) => value <= 0)) throw invalid("a scale of the features is not above 0");
  }
}

function checkNumbers(what: string, values: Float32Array, length: number): void {
  if (values.length !== length)
    throw invalid(`the ${what} must be ${String(length)} numbers and are ${String(values.length)}`);
  if (!values.every(Number.isFinite)) throw invalid(`the ${what} hold a number that is not finite`);
}

function invalid(what: string): Fault {
  return new Fault("MODEL_INVALID", `the bottom model cannot be exported: ${what}; train it again`);
}
