import { createHash } from "node:crypto";
import { seededRandom } from "../seeded-random.ts";

/**
 * A generator of its own for each purpose, so that no draw depends on how many others came before: a run that goes on from a checkpoint draws what
 * an uninterrupted one does.
 *
 * @param purpose - Names and numbers that set it apart from all others of the seed.
 */
export function randomFor(seed: number, ...purpose: readonly (string | number)[]): () => number {
  const digest = createHash("sha256")
    .update(JSON.stringify([seed, ...purpose]))
    .digest();
  return seededRandom(digest.readUInt32LE());
}

/** A draw of the normal distribution of mean 0 and variance 1 (Box and Muller, 1958). */
export function normalDraw(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A draw of the Laplace distribution of mean 0. */
export function laplaceDraw(scale: number, random: () => number): number {
  const centred = random() - 0.5;
  return -scale * Math.sign(centred) * Math.log1p(-2 * Math.min(Math.abs(centred), 0.5 - 2 ** -33));
}

/** 0..size-1 in random order (Fisher and Yates). */
export function shuffledIndices(size: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
