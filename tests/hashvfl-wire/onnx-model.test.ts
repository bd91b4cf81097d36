import { describe, expect, test } from "@jest/globals";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type BottomModel, bottomModelToOnnx } from "../../simulations/hashvfl/onnx-model.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

const random = seededRandom(7);
const values = (length: number, low = -1, high = 1): Float32Array =>
  Float32Array.from({ length }, () => low + (high - low) * random());
const layer = (inputs: number, outputs: number) => ({
  inputs,
  outputs,
  weights: values(inputs * outputs),
  bias: values(outputs),
});
const batchNorm = (bits: number) => ({
  mean: values(bits),
  variance: values(bits, 0.1, 2),
  gamma: values(bits, 0.5, 1.5),
  beta: values(bits),
  epsilon: 1e-5,
});

const full = (): BottomModel => ({
  layers: [layer(5, 7), layer(7, 4), layer(4, 3)],
  batchNorm: batchNorm(3),
  sign: false,
  standardise: { mean: values(5), scale: values(5, 0.5, 3) },
});

/** The definition, in float64. */
function compute({ layers, batchNorm: norm, sign, standardise }: BottomModel, row: readonly number[]): number[] {
  let x = standardise ? row.map((v, i) => (v - standardise.mean[i]!) / standardise.scale[i]!) : [...row];
  layers.forEach(({ weights, bias, outputs }, l) => {
    if (l > 0) x = x.map((v) => Math.max(0, v));
    const before = x;
    x = Array.from(bias, (b, j) => before.reduce((sum, v, i) => sum + v * weights[i * outputs + j]!, b));
  });
  if (norm)
    x = x.map(
      (v, j) => ((v - norm.mean[j]!) / Math.sqrt(norm.variance[j]! + norm.epsilon)) * norm.gamma[j]! + norm.beta[j]!,
    );
  return sign ? x.map((v) => (v >= 0 ? 1 : -1)) : x;
}

async function run(
  model: BottomModel,
  features: Float32Array,
): Promise<{ data: Float32Array; dims: readonly number[] }> {
  const session = await InferenceSession.create(bottomModelToOnnx(model));
  expect(session.inputNames).toEqual(["features"]);
  expect(session.outputNames).toEqual(["code"]);
  const inputs = model.layers[0]!.inputs;
  const { code } = await session.run({ features: new Tensor("float32", features, [features.length / inputs, inputs]) });
  await session.release();
  return { data: code!.data as Float32Array, dims: code!.dims };
}

describe("an exported bottom model", () => {
  test.each([
    ["with all its parts", full()],
    ["of one layer", { layers: [layer(5, 3)], batchNorm: null, sign: false, standardise: null }],
    ["without batch normalisation", { ...full(), batchNorm: null }],
    ["on standardised features", { ...full(), standardise: null }],
    ["with the sign", { ...full(), sign: true }],
  ])("%s computes in ONNX Runtime what its definition says", async (_, model) => {
    const features = values(5 * 6, -4, 4);
    const { data, dims } = await run(model, features);
    expect(dims).toEqual([6, 3]);
    for (let r = 0; r < 6; r++)
      compute(model, [...features.subarray(5 * r, 5 * r + 5)]).forEach((wanted, j) =>
        expect(data[3 * r + j]).toBeCloseTo(wanted, 4),
      );
  });

  test("takes the sign of 0 for 1, as training does", async () => {
    const only = (weight: number) => ({
      inputs: 1,
      outputs: 1,
      weights: Float32Array.of(weight),
      bias: Float32Array.of(0),
    });
    const model = { layers: [only(1)], batchNorm: null, sign: true };
    expect([...(await run(model, Float32Array.of(0, -0, 1e-30, -1e-30))).data]).toEqual([1, 1, 1, -1]);
  });
});

test.each<[string, (model: BottomModel) => BottomModel]>([
  ["no layer", (model) => ({ ...model, layers: [] })],
  ["too few weights", (model) => ({ ...model, layers: [{ ...layer(5, 3), weights: values(14) }] })],
  ["a long bias", (model) => ({ ...model, layers: [{ ...layer(5, 3), bias: values(4) }] })],
  ["layers that do not meet", (model) => ({ ...model, layers: [layer(5, 4), layer(3, 3)] })],
  ["a fraction of an input", (model) => ({ ...model, layers: [{ ...layer(5, 3), inputs: 4.5 }] })],
  ["a layer without outputs", (model) => ({ ...model, layers: [layer(5, 0)] })],
  ["enormous sizes", (model) => ({ ...model, layers: [{ ...layer(5, 3), inputs: 65_536, outputs: 65_536 }] })],
  [
    "NaN among the weights",
    (model) => ({ ...model, layers: [{ ...layer(5, 3), weights: new Float32Array(15).fill(NaN) }] }),
  ],
  ["statistics of other bits", (model) => ({ ...model, batchNorm: batchNorm(4) })],
  ["a negative variance", (model) => ({ ...model, batchNorm: { ...batchNorm(3), variance: values(3, -2, -1) } })],
  ["epsilon 0", (model) => ({ ...model, batchNorm: { ...batchNorm(3), epsilon: 0 } })],
  ["a scale of 0", (model) => ({ ...model, standardise: { mean: values(5), scale: new Float32Array(5) } })],
  ["a short mean", (model) => ({ ...model, standardise: { mean: values(4), scale: values(5, 1, 2) } })],
])("a model with %s is refused", (_, change) => {
  expect(() => bottomModelToOnnx(change(full()))).toThrow(expect.objectContaining({ code: "MODEL_INVALID" }));
});
