import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { SecretRotation } from "../../../crypto/dcpe/rotation.ts";
import { CapriseKey, sodium } from "../../../crypto/index.ts";
import { loadVectors } from "../../vectors/load-vectors.ts";
import { seeded } from "../support.ts";
import { type Parameters, encryptQueryInNoble, encryptStoredInNoble, rotationInNoble } from "./caprise-in-noble.ts";
import { distance, euclidean } from "./statistics.ts";

interface Case {
  readonly id: string;
  readonly secret: string;
  readonly parameters: Parameters;
  readonly vector: readonly number[];
  readonly ciphertext: readonly number[];
}

type Vectors = Record<string, readonly object[]> & {
  readonly stored: readonly (Case & { readonly rowId: string; readonly version: number })[];
  readonly queries: readonly (Case & { readonly nonce: string; readonly epsilon?: number })[];
};

const VECTORS = new URL("../../vectors/dcpe.json", import.meta.url);
const vectors = loadVectors<Vectors>(VECTORS, ["stored", "queries"]);
const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

/** To float32's rounding, and the 5e-8 that the polynomials of gaussian.ts may be off. */
function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  expect(distance(actual, expected)).toBeLessThan(2 ** -23 * euclidean(expected));
}

afterEach(() => void jest.restoreAllMocks());

describe("stored", () => {
  test.each(vectors.stored)("$id", ({ secret, parameters, rowId, version, vector, ciphertext }) => {
    expectClose(encryptStoredInNoble(fromHex(secret), parameters, { rowId, version, vector }), ciphertext);
    const key = new CapriseKey(fromHex(secret), parameters);
    expectClose(key.encryptStored(rowId, version, Float32Array.from(vector)), ciphertext);
    const opened = key.decryptStored(rowId, version, Float32Array.from(ciphertext));
    expect(distance(opened, vector)).toBeLessThan(2 ** -22 * (euclidean(ciphertext) / parameters.scale));
  });
});

describe("queries", () => {
  test.each(vectors.queries)("$id", ({ secret, parameters, nonce, epsilon, vector, ciphertext }) => {
    const options = epsilon === undefined ? {} : { epsilon };
    expectClose(
      encryptQueryInNoble(fromHex(secret), parameters, { nonce: fromHex(nonce), vector, ...options }),
      ciphertext,
    );
    // The nonce is the one thing that is not derived.
    jest.spyOn(sodium, "randombytes_buf").mockReturnValue(fromHex(nonce) as never);
    const key = new CapriseKey(fromHex(secret), parameters);
    expectClose(key.encryptQuery(Float32Array.from(vector), options), ciphertext);
  });
});

test.each([1, 2, 3, 4, 6, 17, 40])("the rotation of %i coordinates is the product of its matrices", (dim) => {
  const key = new Uint8Array(32).fill(dim);
  const vector = seeded(dim).vector(dim);
  const image = Float64Array.from(vector);
  new SecretRotation(key, dim).apply(image);
  const expected = rotationInNoble(key, dim).map((row) => row.reduce((sum, x, i) => sum + x * (vector[i] ?? NaN), 0));
  expect(distance(image, expected)).toBeLessThan(1e-14);
});
