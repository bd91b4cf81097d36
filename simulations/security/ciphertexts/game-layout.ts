import { defaultChunk } from "../../../cli/default-chunk.ts";
import { type RingLayout, ringLayout } from "../../../crypto/index.ts";
import { type Matrix, matrixOf, norm } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";

/** A federation of the lab's encoder under a public seed of this run. */
export async function labLayout(lab: Lab, chunk?: number): Promise<RingLayout> {
  const { dim, normMax } = await lab.encoder();
  return ringLayout({
    dim,
    chunk: chunk ?? defaultChunk(dim),
    normMax,
    scoreBits: lab.settings.scoreBits,
    seed: lab.secret(),
  });
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
