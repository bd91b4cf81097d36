import { codeFault } from "./code-fault.ts";
import type { Projection } from "./projection.ts";

/** Vectors one after another, shape [rows][dim], or one by one. */
export type Sample = Float32Array | readonly Float32Array[];

/**
 * The projections of a sample, by direction: shape [width][rows], owned by the caller. In float32, which is what thresholds are kept in.
 *
 * @throws Fault SAMPLE_INVALID.
 */
export function projectSample(sample: Sample, projection: Projection): Float32Array[] {
  const vectors = vectorsOf(sample, projection.dim);
  const columns = Array.from({ length: projection.width }, () => new Float32Array(vectors.length));
  const projected = new Float64Array(projection.width);
  vectors.forEach((vector, row) => {
    projection.apply(vector, projected, "SAMPLE_INVALID");
    for (let i = 0; i < columns.length; i++) columns[i]![row] = projected[i]!;
  });
  return columns;
}

function vectorsOf(sample: Sample, dim: number): readonly Float32Array[] {
  if (sample.length === 0)
    throw codeFault(
      "SAMPLE_INVALID",
      "a coder is fitted to some hundred vectors, and there are none; ingest documents first",
    );
  if (!(sample instanceof Float32Array)) return sample;
  if (sample.length % dim !== 0)
    throw codeFault(
      "SAMPLE_INVALID",
      `a packed sample has ${sample.length} entries, which is no multiple of ${dim} dimensions`,
    );
  return Array.from({ length: sample.length / dim }, (_, row) => sample.subarray(row * dim, (row + 1) * dim));
}

/** The median, between the two in the middle where the number is even; `values` are sorted in place. */
export function medianOf(values: Float32Array): number {
  values.sort();
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
}
