import { type MultiplicativeCaching, type Parts, addBig, divideBig } from "./multiplicative-caching.ts";
import { type PublicRing, centredDifference, difference } from "./ring.ts";

/** How a coordinate counts as recovered: questions have norm 1. */
const CLOSE = 0.01;

/** Share of an embedding's coordinates that a guess has to within a hundredth; of those that are not about zero anyway, so that nothing is no guess. */
export function recoveredShare(embedding: Float32Array, guess: ArrayLike<number>): number {
  let [all, recovered] = [0, 0];
  embedding.forEach((x, i) => {
    if (Math.abs(x) < 2 * CLOSE) return;
    all++;
    if (Math.abs(x - guess[i]!) < CLOSE) recovered++;
  });
  return recovered / Math.max(1, all);
}

/** What a ciphertext is divided by: its second part by the cached one's, or the sum of its parts by the sum of theirs, in which the noise cancels. */
export type Division = "second part" | "sum of parts";

/** The embedding in a ciphertext of multiplicative caching, by division by the cached ciphertext; no key. */
export function divideOut(scheme: MultiplicativeCaching, cached: Parts, sent: Parts, by: Division): Float64Array {
  const q = scheme.modulus;
  const part = ({ c0, c1 }: Parts): BigUint64Array => (by === "second part" ? c1 : addBig(c0, c1, q));
  return scheme.decode(divideBig(part(sent), part(cached), q));
}

/** The cached ciphertext, from one that was sent and the embedding that is in it; exact as long as the noise is zero. */
export function cachedFrom(scheme: MultiplicativeCaching, sent: Parts, known: Float32Array): Parts {
  const plain = scheme.encode(known);
  const { modulus } = scheme;
  return { c0: divideBig(sent.c0, plain, modulus), c1: divideBig(sent.c1, plain, modulus) };
}

/** What ring elements would show of a question if they were it in the open: shape [dim], in units of the embedding. */
export function readQuestion(ring: PublicRing, chunks: readonly Uint32Array[]): Float32Array {
  const { dim, chunk, queryScale } = ring.layout;
  return Float32Array.from(
    { length: dim },
    (_, i) => centredDifference(chunks[Math.floor(i / chunk)]![i % chunk]!, 0) / queryScale,
  );
}

/** b - b' of two queries, read as the difference of their questions; NTT form in. */
export function readDifference(
  ring: PublicRing,
  b: readonly Uint32Array[],
  other: readonly Uint32Array[],
): Float32Array {
  return readQuestion(
    ring,
    b.map((chunk, j) => ring.coefficients(difference(chunk, other[j]!))),
  );
}

/** b divided by something public or seen before, given as its inverse; NTT form in. */
export function readQuotient(
  ring: PublicRing,
  b: readonly Uint32Array[],
  inverse: readonly Uint32Array[],
): Float32Array {
  return readQuestion(
    ring,
    b.map((chunk, j) => ring.coefficients(ring.product(chunk, inverse[j]!))),
  );
}
