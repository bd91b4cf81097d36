import { expect, test } from "@jest/globals";
import {
  distanceOfInnerProduct,
  innerProductOfDistance,
  liftCoordinate,
  liftedNorm,
} from "../../../crypto/dcpe/lift.ts";
import { innerProduct, seeded } from "../support.ts";
import { distance, euclidean } from "./statistics.ts";

const NORM_MAX = 12;
const random = seeded(11);
const query = random.vector(20, 1.5);
/** Norms from 0 to the largest allowed, and a little above it, as rounding may leave them. */
const rows = Array.from({ length: 300 }, (_, i) => random.vector(20, (i / 299) * NORM_MAX * 1.0001));
const lifted = rows.map((row) => [...row, liftCoordinate(innerProduct(row, row), NORM_MAX)]);
const norms = { normMax: NORM_MAX, queryNorm: euclidean(query) };

test("every lifted vector has one norm", () => {
  for (const row of lifted) expect(euclidean(row)).toBeCloseTo(liftedNorm(NORM_MAX), 9);
});

test("the order by distance is the order by inner product", () => {
  const order = (of: (i: number) => number): number[] => rows.map((_, i) => i).sort((a, b) => of(a) - of(b));
  const byDistance = order((i) => distance([...query, 0], lifted[i] ?? []));
  expect(byDistance).toEqual(order((i) => -innerProduct(query, rows[i] ?? query)));
  expect(byDistance).not.toEqual(order((i) => distance(query, rows[i] ?? query)));
});

test("distance and inner product give each other", () => {
  for (const [i, row] of rows.entries()) {
    const product = innerProduct(query, row);
    const apart = distance([...query, 0], lifted[i] ?? []);
    expect(innerProductOfDistance(apart, norms)).toBeCloseTo(product, 9);
    expect(distanceOfInnerProduct(product, norms)).toBeCloseTo(apart, 9);
  }
});

test("a gap in inner products is a gap in distances of at least its share of the two norms", () => {
  const apart = (product: number): number => distanceOfInnerProduct(product, norms);
  const reach = norms.queryNorm * NORM_MAX;
  for (const product of [-reach, -3, 0, 3, reach - 0.1])
    expect(apart(product) - apart(product + 0.1)).toBeGreaterThanOrEqual(
      0.1 / (norms.queryNorm + liftedNorm(NORM_MAX)),
    );
});

test("no distance is imaginary", () => {
  expect(distanceOfInnerProduct(1e9, norms)).toBe(0);
  expect(liftCoordinate(1e9, NORM_MAX)).toBe(0);
});
