// Looking up a global is slow in the realms that tests run in, and these are asked for millions of times.
const { abs, round } = Math;

/** Steps between two turns for others. */
const SLICE_STEPS = 2000;
/** Swaps after which the orthogonalisation is computed afresh, before rounding has drifted. */
const FRESH_SWAPS = 4000;
/** Where doubles do not suffice there would always be something to do. */
const PASSES_MAX = 10;
/** Lovasz' constant; below 1 for speed. */
const DELTA = 0.99;
/** A little above a half, so that rounding cannot make size reduction go on for ever. */
const SIZE = 0.501;

/**
 * A lattice basis of whole numbers below 2^53 and its Gram-Schmidt orthogonalisation in doubles: LLL reduction (Lenstra, Lenstra & Lovasz, 1982; as algorithm
 * 2.6.3 of Cohen, A course in computational algebraic number theory) and Babai's nearest plane. For lattices of cryptanalytic toy size: up to about
 * 200 rows of 31-bit entries.
 */
export class Lattice {
  /** Shape [rows][width]; independent rows. */
  readonly basis: readonly Float64Array[];
  /** mu[i][j], j < i. */
  readonly #mu: readonly Float64Array[];
  /** Squared lengths of the orthogonalised rows. */
  readonly #lengths: Float64Array;
  #orthogonal: readonly Float64Array[] = [];

  /** @param basis - Changed in place by {@link reduce}. */
  constructor(basis: readonly Float64Array[]) {
    this.basis = basis;
    this.#mu = basis.map(() => new Float64Array(basis.length));
    this.#lengths = new Float64Array(basis.length);
    this.#orthogonalise();
  }

  /** LLL in slices, each of which says what share of the rows is in order. Goes on until a pass from a fresh orthogonalisation has nothing to do. */
  *reduce(): Generator<number> {
    for (let pass = 0; pass < PASSES_MAX && (yield* this.#pass()) > 0; pass++) this.#orthogonalise();
  }

  /** @returns Swaps made. */
  *#pass(): Generator<number, number> {
    const count = this.basis.length;
    let swaps = 0;
    for (let k = 1, steps = 1; k < count; steps++) {
      if (steps % SLICE_STEPS === 0) yield k / count;
      this.#sizeReduce(k, k - 1);
      const mu = this.#mu[k]![k - 1]!;
      if (this.#lengths[k]! >= (DELTA - mu * mu) * this.#lengths[k - 1]!) {
        for (let j = k - 2; j >= 0; j--) this.#sizeReduce(k, j);
        k++;
        continue;
      }
      this.#swap(k);
      if (++swaps % FRESH_SWAPS === 0) this.#orthogonalise();
      k = Math.max(1, k - 1);
    }
    return swaps;
  }

  /** What remains of a point once the lattice point that Babai's nearest plane algorithm (1986) finds is taken away. Shape [width]. */
  remainder(point: Float64Array): Float64Array {
    const rest = point.slice();
    for (let i = this.basis.length - 1; i >= 0; i--) {
      const times = round(innerProduct(rest, this.#orthogonal[i]!) / this.#lengths[i]!);
      if (times !== 0) addTimes(rest, this.basis[i]!, -times);
    }
    return rest;
  }

  /** b_k minus the whole multiple of b_j that makes mu[k][j] at most a half. */
  #sizeReduce(k: number, j: number): void {
    const row = this.#mu[k]!;
    if (abs(row[j]!) <= SIZE) return;
    const times = round(row[j]!);
    addTimes(this.basis[k]!, this.basis[j]!, -times);
    const other = this.#mu[j]!;
    for (let i = 0; i < j; i++) row[i]! -= times * other[i]!;
    row[j]! -= times;
  }

  /** Exchanges b_k and b_(k-1). */
  #swap(k: number): void {
    const lengths = this.#lengths;
    const [above, own] = [this.#mu[k - 1]!, this.#mu[k]!];
    exchange(this.basis[k - 1]!, this.basis[k]!, this.basis[k]!.length);
    exchange(above, own, k - 1);
    const mu = own[k - 1]!;
    const length = lengths[k]! + mu * mu * lengths[k - 1]!;
    own[k - 1] = (mu * lengths[k - 1]!) / length;
    lengths[k]! *= lengths[k - 1]! / length;
    lengths[k - 1] = length;
    for (let i = k + 1; i < this.basis.length; i++) {
      const row = this.#mu[i]!;
      const before = row[k]!;
      row[k] = row[k - 1]! - mu * before;
      row[k - 1] = before + own[k - 1]! * row[k];
    }
  }

  /** Modified Gram-Schmidt. */
  #orthogonalise(): void {
    const orthogonal: Float64Array[] = [];
    this.basis.forEach((vector, i) => {
      const rest = vector.slice();
      const row = this.#mu[i]!;
      for (let j = 0; j < i; j++) {
        row[j] = innerProduct(rest, orthogonal[j]!) / this.#lengths[j]!;
        addTimes(rest, orthogonal[j]!, -row[j]!);
      }
      this.#lengths[i] = innerProduct(rest, rest);
      orthogonal.push(rest);
    });
    this.#orthogonal = orthogonal;
  }
}

function innerProduct(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addTimes(to: Float64Array, vector: Float64Array, times: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += times * vector[i]!;
}

function exchange(a: Float64Array, b: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const kept = a[i]!;
    a[i] = b[i]!;
    b[i] = kept;
  }
}
