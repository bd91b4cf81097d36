import { expect, test } from "@jest/globals";
import { VectorMatrix } from "../../party-node/sealed-store/vector-matrix.ts";
import { fault } from "./sealed-store-contract.ts";
import { nearestOf, rowId, vectorFor } from "./rows.ts";

const DIM = 16;

/** Keys are numbers of rows, as nearestOf reads them. */
function nearestKeys(keys: Iterable<number>, query: Float32Array, count: number): number[] {
  const rows = Array.from(keys, (key) => ({
    rowId: rowId(key),
    version: 1,
    vector: vectorFor(key),
    passage: rowId(key),
  }));
  return nearestOf(rows, query, count);
}

test("finds what is in it after every change, for questions that are views too", () => {
  const matrix = new VectorMatrix(DIM);
  const there = new Set<number>();
  const expectRight = (): void => {
    for (const question of [0, 5]) {
      const query = new Float32Array(3 * DIM).fill(9).subarray(DIM, 2 * DIM);
      query.set(vectorFor(question, 3));
      for (const count of [1, 10, 500]) expect(matrix.nearest(query, count)).toEqual(nearestKeys(there, query, count));
    }
    expect(matrix.size).toBe(there.size);
  };
  const add = (key: number): void => {
    matrix.add(key, vectorFor(key));
    there.add(key);
  };
  const remove = (key: number): void => {
    matrix.remove(key);
    there.delete(key);
  };
  expectRight();
  add(1);
  expectRight();
  remove(1); // the last and only one
  expectRight();
  matrix.reserve(40);
  for (let key = 2; key < 200; key++) add(key);
  expectRight();
  remove(199); // the last
  for (let key = 0; key < 150; key += 3) remove(key);
  remove(3); // again
  expectRight();
  add(205);
  expectRight();
  expect(() => matrix.reserve(2 ** 45)).toThrow(fault("STORE_UNAVAILABLE"));
  expectRight();
  expect(matrix.highKey).toBe(205);
  for (const key of [...there]) remove(key);
  expectRight();
});
