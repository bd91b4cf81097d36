import { describe, expect, test } from "@jest/globals";
import { SecretRotation } from "../../../crypto/dcpe/rotation.ts";
import { innerProduct, seeded } from "../support.ts";
import { distance, euclidean } from "./statistics.ts";

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

function rotated(rotation: SecretRotation, vector: ArrayLike<number>): Float64Array {
  const out = Float64Array.from(vector);
  rotation.apply(out);
  return out;
}

describe.each([1, 2, 3, 4, 5, 7, 16, 63, 64, 65, 768, 769, 1000])("the rotation of %i coordinates", (dim) => {
  const rotation = new SecretRotation(key(1), dim);
  const random = seeded(dim);
  const [a, b] = [random.vector(dim), random.vector(dim, 3)];

  test("keeps norms and inner products", () => {
    const [x, y] = [rotated(rotation, a), rotated(rotation, b)];
    expect(euclidean(x)).toBeCloseTo(euclidean(a), 13);
    expect(euclidean(y)).toBeCloseTo(euclidean(b), 13);
    expect(innerProduct(x as never, y as never)).toBeCloseTo(innerProduct(a, b), 13);
    expect(distance(x, y)).toBeCloseTo(distance(a, b), 13);
  });

  test("is undone by its inverse", () => {
    const back = rotated(rotation, a);
    rotation.invert(back);
    expect(distance(back, a)).toBeLessThan(1e-14);
  });

  test("is the same for the same key", () => {
    expect(rotated(new SecretRotation(key(1), dim), a)).toEqual(rotated(rotation, a));
  });
});

test("another key rotates in another way", () => {
  const vector = seeded(1).vector(768);
  const images = [1, 2, 3, 4].map((fill) => rotated(new SecretRotation(key(fill), 768), vector));
  for (const [i, a] of images.entries())
    // Unrelated directions have a cosine of deviation 1 / root 768; six are exceeded with probability 2e-9.
    for (const b of images.slice(0, i))
      expect(Math.abs(innerProduct(a as never, b as never))).toBeLessThan(6 / Math.sqrt(768));
});

test("every coordinate is spread over all others", () => {
  const rotation = new SecretRotation(key(1), 769);
  for (const i of [0, 1, 383, 768]) {
    const image = rotated(
      rotation,
      Float32Array.from({ length: 769 }, (_, j) => (j === i ? 1 : 0)),
    );
    // Of a uniform direction the largest of 769 coordinates is about 0.13, and half of them exceed 0.024.
    expect(Math.max(...image.map(Math.abs))).toBeLessThan(0.25);
    expect(image.filter((x) => Math.abs(x) > 0.012).length).toBeGreaterThan(769 / 2);
  }
});

test("wiping forgets it", () => {
  const rotation = new SecretRotation(key(1), 8);
  rotation.wipe();
  expect([...rotated(rotation, [1, 2, 3, 4, 5, 6, 7, 8])]).toEqual(new Array(8).fill(0));
});
