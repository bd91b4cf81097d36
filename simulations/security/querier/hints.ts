import { LocalShard, MODULUS, RING_DEGREE, type RingLayout, WasmKernels } from "../../../crypto/index.ts";
import { HINT_STANDARD_DEVIATION, MODULUS_BITS } from "../../../crypto/rlwe/parameters.ts";
import type { BlockRow } from "../../../crypto/scoring.ts";

/** Beyond so many standard deviations in all of N residues an error is none. */
const DEVIATIONS = 8;

/**
 * Tests guesses of a row against hints alone. Hints are linear: when a row is added to a block, the old hint taken from the new one, less the hint of a
 * block with nothing but the guess at that place, is three Gaussian errors when the guess is right, and uniform modulo q when it is not
 * (SECURITY.md, "A hint is a sample of the data").
 */
export class HintTester {
  readonly #layout: RingLayout;
  readonly #kernels = new WasmKernels({ chunks: 1 });

  constructor(layout: RingLayout) {
    this.#layout = layout;
  }

  /** What a querier downloads of a block with these rows. @returns N residues, coefficient form; of no rows, zeros. */
  async hintOf(rows: readonly BlockRow[], hintKey: Uint8Array): Promise<Uint32Array> {
    if (rows.length === 0) return new Uint32Array(RING_DEGREE);
    const shard = new LocalShard(this.#layout, hintKey);
    const staged = await shard.stage(0, rows);
    await shard.close();
    const residues = this.#kernels.unpackBits(staged!.hint, { count: RING_DEGREE, bits: MODULUS_BITS });
    this.#kernels.inverseNtt(residues);
    return residues;
  }

  /** Whether `after` is `before` with the row that `guess` is the hint of. */
  confirms(before: Uint32Array, after: Uint32Array, guess: Uint32Array): boolean {
    const largest = DEVIATIONS * HINT_STANDARD_DEVIATION * Math.sqrt(3);
    return after.every((residue, i) => {
      const rest = (((residue - before[i]! - guess[i]!) % MODULUS) + MODULUS) % MODULUS;
      return Math.min(rest, MODULUS - rest) <= largest;
    });
  }
}
