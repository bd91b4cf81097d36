import { EigenvalueDecomposition, Matrix as Dense } from "ml-matrix";
import type { Matrix } from "../../sealing/matrix.ts";

/** Decomposing a covariance takes the cube of its width: seconds from here on. */
const WIDTH_MAX = 256;

/**
 * The best linear guess of vectors under noise that is the same in all directions: Wiener's filter, each principal component of the rows shrunk by the
 * share of its variance that is noise. It needs no key: a rotation turns the components with the rows.
 *
 * @param noiseVariance - Of one coordinate; known to whoever knows beta.
 * @returns The rows unchanged where they are wider than 256.
 */
export function denoised(rows: Matrix, noiseVariance: number): Matrix {
  if (noiseVariance === 0 || rows.width > WIDTH_MAX) return rows;
  const centred = new Dense(
    Array.from({ length: rows.rows }, (_, i) => rows.data.subarray(i * rows.width, (i + 1) * rows.width)),
  );
  centred.subRowVector(centred.mean("column"));
  const covariance = centred.transpose().mmul(centred).div(rows.rows);
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
  const kept = realEigenvalues.map((variance) => (variance > noiseVariance ? 1 - noiseVariance / variance : 0));
  // Distances between components are those between vectors: they need not be turned back.
  const components = centred.mmul(eigenvectorMatrix).mulRowVector(kept);
  return { ...rows, data: Float32Array.from(components.to1DArray()) };
}
