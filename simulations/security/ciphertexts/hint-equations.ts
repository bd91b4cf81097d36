import { MODULUS, RING_DEGREE } from "../../../crypto/index.ts";
import { HINT_STANDARD_DEVIATION } from "../../../crypto/rlwe/parameters.ts";
import { Lattice } from "./lattice.ts";
import { type PublicRing, centredDifference, difference } from "./ring.ts";

/** Of the difference of two hints' errors. */
export const ERROR_DEVIATION = HINT_STANDARD_DEVIATION * Math.SQRT2;

/**
 * What the difference of two hints says of the one row in which their blocks differ: difference = V a + e, V the row's polynomials. With u counted from the
 * row's slot its coefficients are the same linear equations modulo q in the row's d entries for every slot, block and party, so work on them is done once a federation.
 */
export class HintEquations {
  readonly #ring: PublicRing;
  /** Shape [count][d], centred: coefficient u of the difference is this times the row's entries, modulo q, but for errors. */
  readonly #equations: readonly Float64Array[];

  constructor(ring: PublicRing, count: number) {
    const { chunk, dim } = ring.layout;
    const a = ring.a.map((poly) => ring.coefficients(poly));
    this.#ring = ring;
    this.#equations = Array.from({ length: count }, (_, u) =>
      Float64Array.from({ length: dim }, (__, i) => {
        const at = u + (i % chunk);
        return centredDifference(a[Math.floor(i / chunk)]![at]!, 0);
      }),
    );
  }

  /** Right-hand sides for a row in this slot: shape [count], centred. */
  sides(hint: Uint8Array, before: Uint8Array, slot: number): Float64Array {
    const ring = this.#ring;
    const { chunk } = ring.layout;
    const change = ring.coefficients(difference(ring.unpackHint(hint), ring.unpackHint(before)));
    return Float64Array.from(this.#equations, (_, u) => {
      const at = slot * chunk + chunk - 1 + u;
      const side = centredDifference(change[at % RING_DEGREE]!, 0);
      return at < RING_DEGREE ? side : -side;
    });
  }

  /** An embedding as its owner's block holds it, round(S_D x). */
  entries(vector: Float32Array): Float64Array {
    return Float64Array.from(vector, (x) => Math.floor(this.#ring.layout.dataScale * x + 0.5));
  }

  /** What the equations say of these entries without error. Exact: 15 by 31 bits, at most 2^7 entries at a time. */
  predict(entries: Float64Array): Float64Array {
    return Float64Array.from(this.#equations, (equation) => {
      let sum = 0;
      for (let i = 0; i < equation.length; i++) {
        sum += equation[i]! * entries[i]!;
        if ((i & 127) === 127) sum %= MODULUS;
      }
      return centred(sum);
    });
  }

  /** Mean |residual| of a guess over the deviation of honest errors: 0.8 for the right one, a million for others. */
  misfit(sides: Float64Array, predicted: Float64Array): number {
    let total = 0;
    for (let u = 0; u < sides.length; u++) total += Math.abs(centred(sides[u]! - predicted[u]!));
    return total / (sides.length * ERROR_DEVIATION);
  }

  /** The lattice of all (w x, A x mod q) for whole x, on which a row's entries are a nearest point. */
  lattice(): EntryLattice {
    return new EntryLattice(this.#equations, this.#weight());
  }

  /** Makes entries, of unit rows, weigh as much as errors. */
  #weight(): number {
    const { dataScale, dim, normMax, parties } = this.#ring.layout;
    const entry = (dataScale * normMax) / (parties * Math.sqrt(dim));
    return Math.max(1, Math.round(ERROR_DEVIATION / entry));
  }
}

/** Bounded-distance decoding of a row's entries: one reduction, then any number of rows. */
export class EntryLattice {
  readonly #lattice: Lattice;
  readonly #weight: number;
  readonly #dim: number;

  constructor(equations: readonly Float64Array[], weight: number) {
    const dim = equations[0]!.length;
    const width = dim + equations.length;
    const moduli = equations.map((_, u) => new Float64Array(width).with(dim + u, MODULUS));
    const entries = Array.from({ length: dim }, (_, i) => {
      const vector = new Float64Array(width).with(i, weight);
      equations.forEach((equation, u) => (vector[dim + u] = equation[i]!));
      return vector;
    });
    this.#lattice = new Lattice([...moduli, ...entries]);
    this.#weight = weight;
    this.#dim = dim;
  }

  reduce(): Generator<number> {
    return this.#lattice.reduce();
  }

  /** @param sides - Of {@link HintEquations.sides}. @returns The nearest plane's guess of the row's entries. */
  decode(sides: Float64Array): Float64Array {
    const point = new Float64Array(this.#dim + sides.length);
    point.set(sides, this.#dim);
    const rest = this.#lattice.remainder(point);
    return rest.subarray(0, this.#dim).map((value) => -value / this.#weight);
  }
}

/** The residue nearest to zero. */
function centred(value: number): number {
  return value - MODULUS * Math.round(value / MODULUS);
}
