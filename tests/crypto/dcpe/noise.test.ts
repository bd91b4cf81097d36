import { describe, expect, test } from "@jest/globals";
import { ballNoise, distanceNoise } from "../../../crypto/dcpe/noise.ts";
import { deriveSeed, u32Bytes } from "../../../crypto/rlwe/public-randomness.ts";
import { KS_LIMIT, euclidean, gammaCdf, kolmogorovSmirnov, sphereCoordinateCdf } from "./statistics.ts";

const KEY = new Uint8Array(32).fill(5);

function sample(count: number, dim: number, draw: (seed: Uint8Array, out: Float64Array) => void): Float64Array[] {
  return Array.from({ length: count }, (_, i) => {
    const out = new Float64Array(dim);
    draw(deriveSeed(KEY, "test", u32Bytes(dim), u32Bytes(i)), out);
    return out;
  });
}

/** First, middle and last coordinate against the distribution on a sphere. */
function expectUniformDirections(points: readonly Float64Array[], dim: number): void {
  const cdf = sphereCoordinateCdf(dim);
  for (const axis of new Set([0, dim >> 1, dim - 1])) {
    const coordinates = points.map((point) => (point[axis] ?? NaN) / euclidean(point));
    expect(kolmogorovSmirnov(coordinates, cdf)).toBeLessThan(KS_LIMIT);
  }
}

/** Neighbouring and distant coordinates: a mean of the product of two unit coordinates has deviation 1 / root count; five are exceeded with 6e-7. */
function expectUncorrelated(points: readonly Float64Array[], dim: number): void {
  for (const [a, b] of [
    [0, 1],
    [0, dim - 1],
    [1, 2],
  ] as const) {
    const products = points.map((point) => (dim * (point[a] ?? NaN) * (point[b] ?? NaN)) / euclidean(point) ** 2);
    const mean = products.reduce((sum, x) => sum + x, 0) / products.length;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(points.length));
  }
}

describe.each([1, 2, 3, 8, 769])("noise in %i dimensions", (dim) => {
  const count = dim > 100 ? 2_000 : 5_000;
  const radius = 2.5;
  const points = sample(count, dim, (seed, out) => ballNoise(seed, radius, out));

  test("stays in its ball", () => {
    for (const point of points) expect(euclidean(point)).toBeLessThanOrEqual(radius * (1 + 1e-14));
  });

  test("is uniform in it: the share of the volume inside a point is uniform", () => {
    const volumes = points.map((point) => (euclidean(point) / radius) ** dim);
    expect(kolmogorovSmirnov(volumes, (volume) => volume)).toBeLessThan(KS_LIMIT);
  });

  test("has uniform directions", () => {
    if (dim === 1) {
      const positive = points.filter(([x]) => (x ?? 0) > 0).length;
      expect(Math.abs(positive - count / 2)).toBeLessThan(2.5 * Math.sqrt(count));
    } else if (dim === 2) {
      const turns = points.map(([x, y]) => Math.atan2(y ?? NaN, x ?? NaN) / (2 * Math.PI) + 0.5);
      expect(kolmogorovSmirnov(turns, (turn) => turn)).toBeLessThan(KS_LIMIT);
    } else {
      expectUniformDirections(points, dim);
      expectUncorrelated(points, dim);
    }
  });

  test("of DistanceDP has a radius of Gamma(d, 1 / epsilon) and uniform directions", () => {
    const epsilon = 40;
    const noises = sample(Math.min(count, 3_000), dim, (seed, out) => distanceNoise(seed, epsilon, out));
    const radii = noises.map(euclidean);
    expect(kolmogorovSmirnov(radii, (r) => gammaCdf(dim, epsilon * r))).toBeLessThan(KS_LIMIT);
    if (dim > 2) {
      expectUniformDirections(noises, dim);
      expectUncorrelated(noises, dim);
    }
  });
});

test("DistanceDP's radius and direction are independent", () => {
  const noises = sample(5_000, 3, (seed, out) => distanceNoise(seed, 1, out));
  const products = noises.map(
    (noise) => ((euclidean(noise) - 3) / Math.sqrt(3)) * ((Math.sqrt(3) * (noise[0] ?? NaN)) / euclidean(noise)),
  );
  // Unit variance: five standard deviations.
  expect(Math.abs(products.reduce((sum, x) => sum + x, 0) / 5_000)).toBeLessThan(5 / Math.sqrt(5_000));
});

test("the same seed gives the same noise, another another", () => {
  const draw = (fill: number): number[] => {
    const out = new Float64Array(9);
    ballNoise(new Uint8Array(32).fill(fill), 1, out);
    return [...out];
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});
