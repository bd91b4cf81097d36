import { expect } from "@jest/globals";
import {
  type BlockRow,
  LocalShard,
  MODULUS,
  RING_DEGREE,
  type RingLayout,
  RlweIndex,
  type ScoringIndex,
  ringLayout,
} from "../../crypto/index.ts";
import { RlweAsker } from "../../crypto/secret/index.ts";

/** Encrypted scoring in this thread. */
export function localIndex(layout: RingLayout, hintKey: Uint8Array): RlweIndex {
  return new RlweIndex(layout, { openShard: () => new LocalShard(layout, hintKey) });
}

/** A real query whose key is gone: for tests that compare answers and do not read them. */
export async function encryptedQuery(layout: RingLayout): Promise<Uint8Array> {
  const asker = new RlweAsker(layout, { poolSize: 0 });
  const { query, secrets } = await asker.ask(seeded(77).vector(layout.dim));
  secrets[Symbol.dispose]();
  asker.close();
  return query;
}

/** Replaces a block's rows, with nothing in between. */
export async function setBlock(index: ScoringIndex, block: number, rows: readonly BlockRow[]): Promise<void> {
  await index.stage(block, rows);
  index.commit();
}

/** Repeatable numbers for tests; the seed is the test's, so that a failure can be run again. */
export interface Seeded {
  /** In [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Shape [dim], a random direction of this Euclidean norm. */
  vector(dim: number, norm?: number): Float32Array;
  /** `count` uniform residues, RING_DEGREE by default. */
  residues(count?: number): Uint32Array;
}

// Looking up a global is slow in jest's realms, and these are asked for millions of times.
const { cos, floor, hypot, imul, log, sqrt, PI } = Math;

/** Mulberry32 (Ettinger, public domain). */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = (): number => sqrt(-2 * log(1 - uniform())) * cos(2 * PI * uniform());
  return {
    uniform,
    normal,
    vector(dim, norm = 1) {
      const out = new Float32Array(dim);
      for (let i = 0; i < dim; i++) out[i] = normal();
      const scale = norm / hypot(...out);
      for (let i = 0; i < dim; i++) out[i] = (out[i] ?? NaN) * scale;
      return out;
    },
    residues: (count = RING_DEGREE) => Uint32Array.from({ length: count }, () => floor(uniform() * MODULUS)),
  };
}

/** A layout with a fixed public seed. */
export function layoutOf(dim: number, chunk: number, { normMax = 1, scoreBits = 31 } = {}): RingLayout {
  return ringLayout({ dim, chunk, normMax, scoreBits, seed: Uint8Array.from({ length: 32 }, (_, i) => i) });
}

/** In doubles. */
export function innerProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? NaN) * (b[i] ?? NaN);
  return sum;
}

/** The integer in (-q/2, q/2) of a residue. */
export function centred(residue: number): number {
  return residue > MODULUS / 2 ? residue - MODULUS : residue;
}

export function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

/** Root mean square. */
export function rms(values: ArrayLike<number>): number {
  return Math.sqrt(mean(Array.from(values, (value) => value * value)));
}

/** Matches a Fault of this code, for toThrow. */
export function fault(code: string): unknown {
  return expect.objectContaining({ name: "Fault", code });
}

/** toEqual for long arrays: shows the differences only where there are some, since looking for them is slow. */
export function expectSame(actual: Uint32Array | Uint8Array, expected: Uint32Array | Uint8Array): void {
  const bytes = (array: Uint32Array | Uint8Array): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  if (Buffer.compare(bytes(actual), bytes(expected)) !== 0) expect(actual).toEqual(expected);
}
