import { Fault } from "../fault.ts";
import { queryPolynomial } from "../rlwe/block-layout.ts";
import { type RingKernels, interleaveChunk } from "../rlwe/kernels.ts";
import { type RingLayout, MODULUS, MODULUS_BITS, RING_DEGREE } from "../rlwe/parameters.ts";
import { addResidues, subtractResidues } from "../rlwe/share.ts";
import { WasmKernels } from "../rlwe/wasm-kernels.ts";
import { type BlockDescription, type QuerySecrets, type ScoringFaultCode, isOccupied } from "../scoring.ts";
import { generateSealKey } from "./seal.ts";

/**
 * A key for exactly one question: a fresh secret s and its encryptions of zero on the federation's a_j, made ahead of time (DESIGN.md 4.4).
 *
 * Two questions under one s would show e - e' + Q - Q' to everybody; {@link encrypt} therefore works once.
 */
export class QueryKey implements QuerySecrets {
  readonly #layout: RingLayout;
  readonly #kernels: RingKernels;
  /** s, shape [N], NTT form. */
  readonly #secret: Uint32Array;
  /** b_j = -a_j s + e_j, interleaved [N/8][m][8], NTT form; becomes the query, then is gone. */
  #zeros: Uint32Array | null;
  /** "party/block version" -> the coefficients of h s that are scores, shape [rowsPerBlock]. */
  readonly #masks = new Map<string, Uint32Array>();
  #wiped = false;

  private constructor(layout: RingLayout, kernels: RingKernels, secret: Uint32Array, zeros: Uint32Array | null) {
    this.#layout = layout;
    this.#kernels = kernels;
    this.#secret = secret;
    this.#zeros = zeros;
  }

  /**
   * Makes a key in slices, calling `pause` between them.
   *
   * SEAL gives (c0, c1) with c0 + c1 s = e. Then c0 + (c1 - a_j) s = e - a_j s is an encryption of zero on a_j with SEAL's own error.
   * @param publicRandomness - a_j for every chunk, NTT form.
   */
  static async generate(
    layout: RingLayout,
    publicRandomness: readonly Uint32Array[],
    kernels: RingKernels,
    pause: () => Promise<void>,
  ): Promise<QueryKey> {
    using key = generateSealKey();
    const secret = key.secret.slice();
    const zeros = new Uint32Array(layout.chunks * RING_DEGREE);
    try {
      for (const [j, a] of publicRandomness.entries()) {
        const { c0, c1 } = key.encryptZero();
        subtractResidues(c1, a);
        const product = kernels.multiplyAccumulate(c1, secret, 1);
        addResidues(c0, product);
        interleaveChunk(c0, j, layout.chunks, zeros);
        c1.fill(0);
        product.fill(0);
        if (j % 4 === 3) await pause();
      }
    } catch (error) {
      secret.fill(0);
      throw error;
    } finally {
      kernels.wipe();
    }
    return new QueryKey(layout, kernels, secret, zeros);
  }

  /** A key whose question has been asked. @param secret - s, shape [N], NTT form; kept. */
  static reopened(layout: RingLayout, secret: Uint32Array): QueryKey {
    return new QueryKey(layout, new WasmKernels({ chunks: layout.chunks }), secret, null);
  }

  /**
   * b_j + Q_j for all chunks, packed: the only thing of the question that leaves the process.
   *
   * @param embedding - Shape [dim], already checked; not modified.
   * @returns queryBytes bytes, owned by the caller.
   * @throws Fault KEY_USED on the second call.
   */
  encrypt(embedding: Float32Array): Uint8Array {
    const zeros = this.#zeros;
    if (!zeros || this.#wiped)
      throw new Fault<ScoringFaultCode>("KEY_USED", "this query key has been used; every question takes a fresh one");
    this.#zeros = null;
    const { chunks } = this.#layout;
    const question = new Uint32Array(zeros.length);
    for (let j = 0; j < chunks; j++) {
      const chunk = queryPolynomial(embedding, j, this.#layout);
      this.#kernels.forwardNtt(chunk);
      interleaveChunk(chunk, j, chunks, question);
      chunk.fill(0);
    }
    addResidues(zeros, question);
    question.fill(0);
    return this.#kernels.packBits(zeros, { stride: 1, count: zeros.length, bits: MODULUS_BITS });
  }

  get wiped(): boolean {
    return this.#wiped;
  }

  prepare(party: string, block: BlockDescription): void {
    this.#mask(party, block);
  }

  /** Decrypts: (answer + h s) mod q, centred, over S_D S_Q; half of what the cut to p bits dropped is added back. */
  read(party: string, block: BlockDescription, scores: Uint8Array): Float32Array {
    const { rowsPerBlock, scoreBits, dataScale, queryScale, scoreBytesPerBlock } = this.#layout;
    if (scores.length !== scoreBytesPerBlock) {
      throw new Fault<ScoringFaultCode>(
        "ANSWER_MALFORMED",
        `a block's scores have ${String(scores.length)} bytes, expected ${String(scoreBytesPerBlock)}`,
      );
    }
    const mask = this.#mask(party, block);
    const cut = this.#kernels.unpackBits(scores, { count: rowsPerBlock, bits: scoreBits });
    const half = scoreBits === MODULUS_BITS ? 0 : 2 ** (MODULUS_BITS - scoreBits - 1);
    const scale = 1 / (dataScale * queryScale);
    const read = new Float32Array(rowsPerBlock);
    for (let slot = 0; slot < rowsPerBlock; slot++) {
      const sum = cut[slot]! + half + mask[slot]!;
      const centred = sum - MODULUS * Math.floor(sum / MODULUS + 0.5);
      read[slot] = isOccupied(block.occupied, slot) ? centred * scale : NaN;
    }
    return read;
  }

  readTotal(
    parts: readonly { readonly party: string; readonly block: BlockDescription }[],
    total: Uint32Array,
  ): Float32Array {
    const { rowsPerBlock, scoreBits, dataScale, queryScale } = this.#layout;
    if (total.length !== rowsPerBlock) throw new TypeError("readTotal: expected one residue a row of the block");
    const masks = parts.map(({ party, block }) => this.#mask(party, block));
    const half = scoreBits === MODULUS_BITS ? 0 : 2 ** (MODULUS_BITS - scoreBits - 1);
    const scale = 1 / (dataScale * queryScale);
    return Float32Array.from(total, (residue, slot) => {
      const sum = masks.reduce((before, mask) => before + half + mask[slot]!, residue);
      return (sum - MODULUS * Math.floor(sum / MODULUS + 0.5)) * scale;
    });
  }

  reveal(): Int8Array {
    if (this.#wiped) throw new TypeError("this query key has been wiped");
    const coefficients = this.#secret.slice();
    this.#kernels.inverseNtt(coefficients);
    const signs = Int8Array.from(coefficients, (residue) => (residue > 1 ? residue - MODULUS : residue));
    coefficients.fill(0);
    this.#kernels.wipe();
    return signs;
  }

  [Symbol.dispose](): void {
    this.#wiped = true;
    this.#secret.fill(0);
    this.#zeros?.fill(0);
    this.#zeros = null;
    for (const mask of this.#masks.values()) mask.fill(0);
    this.#masks.clear();
    this.#kernels.wipe();
  }

  #mask(party: string, { version, hint }: BlockDescription): Uint32Array {
    if (this.#wiped) throw new TypeError("this query key has been wiped");
    const name = `${party}/${version}`;
    const known = this.#masks.get(name);
    if (known) return known;
    const { chunk, hintBytes } = this.#layout;
    const malformed = (what: string): Fault => new Fault("HINT_MALFORMED", `a block's hint ${what}`);
    if (hint.length !== hintBytes) throw malformed(`has ${String(hint.length)} bytes, expected ${String(hintBytes)}`);
    const mask = this.#kernels.scoreCoefficients(hint, this.#secret, chunk);
    if (!mask) throw malformed("holds a residue that is not below the modulus");
    this.#masks.set(name, mask);
    return mask;
  }
}
