import type { Encoder } from "../../../party-node/encoders/index.ts";
import type { BeirDocument } from "../../beir.ts";
import { type Matrix, matrixOf } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";

/** Shape [texts][dim]. */
export async function encodeQuestions(encoder: Encoder, texts: readonly string[]): Promise<Matrix> {
  const vectors: Float32Array[] = [];
  for (const text of texts) vectors.push(await encoder.encodeQuery(text));
  return matrixOf(vectors, encoder.dim);
}

/** @param held - Documents of each honest party, which has statistics of its own. @returns Shape [documents][dim], one party after another. */
export async function honestVectors(
  lab: Lab,
  encoder: Encoder,
  held: readonly (readonly BeirDocument[])[],
): Promise<Matrix> {
  const vectors: Float32Array[] = [];
  for (const documents of held) {
    const { data, width } = await lab.encode(encoder, documents);
    for (let at = 0; at < data.length; at += width) vectors.push(data.subarray(at, at + width));
  }
  return matrixOf(vectors, encoder.dim);
}

/** What stands for a question that the document answers: its title, else its first sentence. */
export function titleOf({ title, text }: BeirDocument): string {
  return title || (/^.*?[.?!](?=\s|$)/s.exec(text)?.[0] ?? text);
}
