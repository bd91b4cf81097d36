/** Something at a squared distance. */
export interface Ranked<T> {
  readonly item: T;
  readonly distance: number;
}

/** Squared Euclidean distance of two vectors of one length. */
export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    sum += difference * difference;
  }
  return sum;
}

export function byDistance(a: Ranked<unknown>, b: Ranked<unknown>): number {
  return a.distance - b.distance;
}

/** Keeps the `count` nearest of all it is shown, in memory for twice as many. */
export class Nearest<T> {
  readonly #count: number;
  #kept: Ranked<T>[] = [];
  #farthest = Infinity;

  constructor(count: number) {
    this.#count = count;
  }

  add(item: T, distance: number): void {
    if (distance >= this.#farthest) return;
    this.#kept.push({ item, distance });
    if (this.#kept.length >= 2 * this.#count) this.#cut();
  }

  /** Nearest first. */
  sorted(): readonly Ranked<T>[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    this.#kept = this.#kept.sort(byDistance).slice(0, this.#count);
    if (this.#kept.length === this.#count) this.#farthest = this.#kept.at(-1)?.distance ?? Infinity;
  }
}
