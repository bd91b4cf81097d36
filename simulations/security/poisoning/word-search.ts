import { type Matrix, innerProduct, row } from "../../sealing/matrix.ts";

/**
 * Coordinate search for the words whose sum, added to what the passage says anyway, points best at a target: one word after the other is put in where it
 * brings most, then each is looked at again while the others stay (GASLITE, Ben-Tov and Sharif 2024, without its gradient: every word is tried).
 *
 * @param words - Contributions of the words to choose from, shape [words][dim].
 * @param base - Contribution of what stands in the passage anyway, shape [dim].
 * @param target - Mean of the questions' vectors, shape [dim].
 * @returns Indices of `length` different words.
 */
export function searchWords(
  words: Matrix,
  { base, target, length, rounds }: { base: Float32Array; target: Float32Array; length: number; rounds: number },
): number[] {
  const vectors = Array.from({ length: words.rows }, (_, i) => row(words, i));
  const worth = vectors.map((vector) => innerProduct(vector, target));
  const squares = vectors.map((vector) => innerProduct(vector, vector));
  const sum = base.slice();
  const chosen: number[] = [];
  const put = (place: number): void => {
    const word = best(vectors, { sum, target, worth, squares, taken: new Set(chosen) });
    chosen[place] = word;
    add(sum, vectors[word]!, 1);
  };
  const places = Math.min(length, words.rows);
  for (let place = 0; place < places; place++) put(place);
  for (let round = 1; round < rounds; round++)
    for (let place = 0; place < places; place++) {
      add(sum, vectors[chosen[place]!]!, -1);
      chosen[place] = -1;
      put(place);
    }
  return chosen;
}

interface Step {
  readonly sum: Float32Array;
  readonly target: Float32Array;
  readonly worth: readonly number[];
  readonly squares: readonly number[];
  readonly taken: ReadonlySet<number>;
}

/** The word with the largest cosine of sum + word to the target. */
function best(words: readonly Float32Array[], { sum, target, worth, squares, taken }: Step): number {
  const [along, square] = [innerProduct(sum, target), innerProduct(sum, sum)];
  let [found, most] = [0, -Infinity];
  for (let i = 0; i < words.length; i++) {
    if (taken.has(i)) continue;
    const length = Math.sqrt(square + 2 * innerProduct(sum, words[i]!) + squares[i]!);
    const cosine = length === 0 ? 0 : (along + worth[i]!) / length;
    if (cosine > most) [found, most] = [i, cosine];
  }
  return found;
}

function add(sum: Float32Array, vector: Float32Array, factor: number): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += factor * vector[i]!;
}
