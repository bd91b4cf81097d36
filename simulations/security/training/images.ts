import { mean } from "../../metrics.ts";
import type { VerticalParty } from "../../hashvfl/vertical-data.ts";
import { STRIP } from "./scene.ts";
import { ssim } from "./ssim.ts";

const PIXELS = STRIP.height * STRIP.width;
const WHITE = 255;

/** How near reconstructions come to images. */
export interface Likeness {
  /** Mean squared error of a pixel, which is 0..1. */
  readonly error: number;
  /** Mean structural similarity. */
  readonly similarity: number;
  /** The share of reconstructions that are nearer to their own image than to any other candidate. */
  readonly found: number;
}

/** Standardised values of a black and of a white pixel. */
export function pixelRange(party: VerticalParty): [low: number, high: number] {
  const [mean = 0, scale = 1] = [party.standardisation?.mean[0], party.standardisation?.scale[0]];
  return [-mean / scale, (WHITE - mean) / scale];
}

/** Pixels 0..1 of standardised values; what is darker than black is black. */
export function toPixels(values: Float32Array, [low, high]: readonly [number, number]): Float32Array {
  return values.map((value) => Math.min(1, Math.max(0, (value - low) / (high - low))));
}

/**
 * @param images - Pixels, shape [images, height * width]; reconstruction i is meant to be image i.
 * @param candidates - Images among which each is looked for; the first ones are `images`.
 */
export function likeness(reconstructions: Float32Array, candidates: Float32Array): Likeness {
  const at = (all: Float32Array, i: number): Float32Array => all.subarray(i * PIXELS, (i + 1) * PIXELS);
  const others = Array.from({ length: candidates.length / PIXELS }, (_, j) => at(candidates, j));
  const figures = Array.from({ length: reconstructions.length / PIXELS }, (_, i) => {
    const own = at(reconstructions, i);
    const errors = others.map((other) => squaredError(own, other));
    return {
      error: errors[i]!,
      similarity: ssim(own, others[i]!, STRIP),
      found: errors.every((error, j) => j === i || error > errors[i]!) ? 1 : 0,
    };
  });
  return {
    error: mean(figures.map(({ error }) => error)),
    similarity: mean(figures.map(({ similarity }) => similarity)),
    found: mean(figures.map(({ found }) => found)),
  };
}

function squaredError(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}
