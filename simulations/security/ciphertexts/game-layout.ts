import { defaultChunk } from "../../../cli/default-chunk.ts";
import { type RingLayout, ringLayout } from "../../../crypto/index.ts";
import { type Matrix, matrixOf, norm, row } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";

/** A federation of the lab's encoder under a public seed of this run; chunk and dimensions as `sotto federation create` has them but where given. */
export async function labLayout(
  lab: Lab,
  changed: { readonly chunk?: number; readonly dim?: number } = {},
): Promise<RingLayout> {
  const { dim, normMax } = await lab.encoder();
  const { scoreBits } = lab.settings;
  return ringLayout({ dim, chunk: defaultChunk(dim), normMax, scoreBits, seed: lab.secret(), ...changed });
}

/** The first coordinates of vectors, made as long as before; without those that have next to nothing there. Shape [fewer][dim]. */
export function firstCoordinates(vectors: Matrix, dim: number): Matrix {
  if (dim === vectors.width) return vectors;
  const cut = Array.from({ length: vectors.rows }, (_, i) => {
    const whole = row(vectors, i);
    const first = whole.slice(0, dim);
    const scale = norm(whole) / norm(first);
    return first.map((x) => x * scale);
  });
  return matrixOf(
    cut.filter((vector) => vector.every(Number.isFinite)),
    dim,
  );
}

/** At most `count` of the collection's questions, without those of which the encoder knows nothing. Shape [questions][dim]. */
export async function labQuestions(lab: Lab, count: number): Promise<Matrix> {
  const encoder = await lab.encoder();
  const vectors: Float32Array[] = [];
  for (const { text } of (await lab.victim()).queries.slice(0, count)) vectors.push(await encoder.encodeQuery(text));
  return matrixOf(
    vectors.filter((vector) => norm(vector) > 0.5),
    encoder.dim,
  );
}
