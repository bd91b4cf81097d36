import {
  type RingLayout,
  MODULUS,
  RING_DEGREE,
  WasmKernels,
  addResidues,
  subtractResidues,
} from "../../../crypto/index.ts";
import { queryPolynomial } from "../../../crypto/rlwe/block-layout.ts";
import { interleaveChunk, interleavedIndex } from "../../../crypto/rlwe/kernels.ts";
import { multiplyModulo, powerModulo } from "../../../crypto/rlwe/ntt-tables.ts";
import { MODULUS_BITS } from "../../../crypto/rlwe/parameters.ts";
import { publicPolynomial } from "../../../crypto/rlwe/public-randomness.ts";

/** x - y mod q as an integer from -(q - 1) / 2 to (q - 1) / 2; without a branch, which random residues would take at random. */
export function centredDifference(x: number, y: number): number {
  const difference = x - y;
  return difference - MODULUS * Math.floor(difference / MODULUS + 0.5);
}

/** Pointwise x - y mod q. */
export function difference(x: Uint32Array, y: Uint32Array): Uint32Array {
  const out = x.slice();
  subtractResidues(out, y);
  return out;
}

/** Pointwise x + y mod q. */
export function sum(x: Uint32Array, y: Uint32Array): Uint32Array {
  const out = x.slice();
  addResidues(out, y);
  return out;
}

/** Pointwise inverses modulo q, 0 for 0: one exponentiation for all (Montgomery, 1987, section 10.3.1). */
export function inverses(x: Uint32Array): Uint32Array {
  const before = new Uint32Array(x.length);
  let product = 1;
  for (let i = 0; i < x.length; i++) {
    before[i] = product;
    if (x[i] !== 0) product = multiplyModulo(product, x[i]!);
  }
  let inverse = powerModulo(product, MODULUS - 2);
  const out = new Uint32Array(x.length);
  for (let i = x.length - 1; i >= 0; i--) {
    if (x[i] === 0) continue;
    out[i] = multiplyModulo(inverse, before[i]!);
    inverse = multiplyModulo(inverse, x[i]!);
  }
  return out;
}

/** What anybody who knows the federation's file can compute: transforms, products, and a_j. No key. */
export class PublicRing {
  readonly layout: RingLayout;
  readonly kernels: WasmKernels;
  /** a_j, NTT form, shape [m][N]. */
  readonly a: readonly Uint32Array[];
  /** 1 / a_j, NTT form, shape [m][N]. */
  readonly aInverse: readonly Uint32Array[];

  constructor(layout: RingLayout) {
    this.layout = layout;
    this.kernels = new WasmKernels({ chunks: layout.chunks });
    this.a = Array.from({ length: layout.chunks }, (_, j) => publicPolynomial(layout.seed, j));
    this.aInverse = this.a.map(inverses);
  }

  /** A query's polynomials as they travel, NTT form, shape [m][N]. */
  unpack(query: Uint8Array): Uint32Array[] {
    const { chunks } = this.layout;
    const residues = this.kernels.unpackBits(query, { count: chunks * RING_DEGREE, bits: MODULUS_BITS });
    return this.a.map((_, j) => {
      const chunk = new Uint32Array(RING_DEGREE);
      for (let i = 0; i < RING_DEGREE; i += 8) {
        const at = interleavedIndex(i, j, chunks);
        chunk.set(residues.subarray(at, at + 8), i);
      }
      return chunk;
    });
  }

  /** Inverse of {@link unpack}. */
  pack(chunks: readonly Uint32Array[]): Uint8Array {
    const residues = new Uint32Array(chunks.length * RING_DEGREE);
    for (const [j, chunk] of chunks.entries()) interleaveChunk(chunk, j, chunks.length, residues);
    return this.kernels.packBits(residues, { stride: 1, count: residues.length, bits: MODULUS_BITS });
  }

  /** A packed hint, NTT form, shape [N]. */
  unpackHint(hint: Uint8Array): Uint32Array {
    return this.kernels.unpackBits(hint, { count: RING_DEGREE, bits: MODULUS_BITS });
  }

  coefficients(nttForm: Uint32Array): Uint32Array {
    const poly = nttForm.slice();
    this.kernels.inverseNtt(poly);
    return poly;
  }

  nttForm(coefficients: Uint32Array): Uint32Array {
    const poly = coefficients.slice();
    this.kernels.forwardNtt(poly);
    return poly;
  }

  /** Pointwise in NTT form, which is the product of ring elements. */
  product(x: Uint32Array, y: Uint32Array): Uint32Array {
    return this.kernels.multiplyAccumulate(x, y, 1);
  }

  /** Q_j of a question, coefficient form, shape [m][N]: what encryption adds its mask to. */
  question(embedding: Float32Array): Uint32Array[] {
    return this.a.map((_, j) => queryPolynomial(embedding, j, this.layout));
  }
}
