import type { Encoder } from "../../../party-node/encoders/index.ts";
import { type Matrix, innerProduct, matrixOf } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";

/** What each word adds to a text's vector, before the encoder brings it to unit norm; exact for a static encoder, a guess for others. */
export interface WordVectors {
  readonly words: readonly string[];
  /** Shape [words][dim]. */
  readonly vectors: Matrix;
}

const WORD = /\p{L}{3,}/gu;
const ENCODE_BATCH = 512;
/** In whose lengths the others are measured. */
const YARDSTICK = "something";

/** The words of some texts, then those that most of others have, at most `max` of them. */
export function vocabularyOf(first: readonly string[], then: readonly string[], max: number): string[] {
  const wordsOf = (text: string): Set<string> => new Set(text.toLowerCase().match(WORD) ?? []);
  const counts = new Map<string, number>();
  for (const text of then) for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const frequent = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([word]) => word);
  return [...new Set([...first.flatMap((text) => [...wordsOf(text)]), ...frequent])].slice(0, max);
}

/**
 * Finds out what texts add to a sum by asking the encoder alone. It gives directions only; the length of one follows from how far it turns the vector of
 * a yardstick y when both are encoded together: E(y w) ~ E(y) + a E(w).
 *
 * @returns Shape [texts][dim].
 */
export async function contributions(lab: Lab, encoder: Encoder, texts: readonly string[]): Promise<Matrix> {
  const encode = (some: readonly string[]): Promise<Float32Array[]> =>
    encoder.encodePassages(some, encoder.statistics());
  const [yardstick] = await encode([YARDSTICK]);
  const found: Float32Array[] = [];
  for (let at = 0; at < texts.length; at += ENCODE_BATCH) {
    await lab.pause();
    const batch = texts.slice(at, at + ENCODE_BATCH);
    const alone = await encode(batch);
    const together = await encode(batch.map((text) => `${YARDSTICK} ${text}`));
    for (const [i, vector] of alone.entries()) {
      const length = lengthOf(vector, yardstick!, together[i]!);
      found.push(vector.map((entry) => length * entry));
    }
  }
  return matrixOf(found, encoder.dim);
}

/** a of c (y + a w) = b by least squares; 1 where b does not tell. */
function lengthOf(w: Float32Array, y: Float32Array, b: Float32Array): number {
  const [wy, bw, by] = [innerProduct(w, y), innerProduct(b, w), innerProduct(b, y)];
  const [a, c] = [bw - wy * by, by - wy * bw];
  return a > 0 && c > 1e-6 ? a / c : 1;
}
