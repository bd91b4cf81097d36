/**
 * Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank.
 *
 * @param a - At least two values, of the same length as b.
 * @returns -1..1; NaN when all values of one side are equal.
 */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = [meanRanks(a), meanRanks(b)];
  const centre = (a.length + 1) / 2;
  let [both, ofX, ofY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [x[i]! - centre, y[i]! - centre];
    both += dx * dy;
    ofX += dx * dx;
    ofY += dy * dy;
  }
  return both / Math.sqrt(ofX * ofY);
}

/**
 * The probability that a value of `low` is below one of `high`, ties counting half (Mann and Whitney): the area under the curve of a test that
 * tells them apart by a threshold. 0.5 is guessing.
 */
export function probabilityBelow(low: readonly number[], high: readonly number[]): number {
  const ranks = meanRanks([...high, ...low]);
  let sum = 0;
  for (let i = 0; i < high.length; i++) sum += ranks[i]!;
  return (sum - (high.length * (high.length + 1)) / 2) / (high.length * low.length);
}

/** Ranks from 1, equal values sharing their mean. */
function meanRanks(values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (_, i) => i).sort((i, j) => values[i]! - values[j]!);
  const ranks = new Float64Array(values.length);
  for (let first = 0; first < order.length;) {
    let end = first + 1;
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++;
    for (let i = first; i < end; i++) ranks[order[i]!] = (first + 1 + end) / 2;
    first = end;
  }
  return ranks;
}

/**
 * How far two partitions of the same things agree, corrected for chance (Hubert and Arabie, 1985): 1 for the same, about 0 for unrelated ones.
 *
 * @param a - A label for each thing; b the same.
 */
export function adjustedRandIndex(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [both, ofA, ofB] = [new Map<string, number>(), new Map<number, number>(), new Map<number, number>()];
  const count = <Key>(counts: Map<Key, number>, key: Key): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
  for (let i = 0; i < a.length; i++) {
    count(both, `${a[i]!} ${b[i]!}`);
    count(ofA, a[i]!);
    count(ofB, b[i]!);
  }
  const pairs = (counts: Map<unknown, number>): number =>
    [...counts.values()].reduce((sum, n) => sum + (n * (n - 1)) / 2, 0);
  const expected = (pairs(ofA) * pairs(ofB)) / ((a.length * (a.length - 1)) / 2);
  const most = (pairs(ofA) + pairs(ofB)) / 2;
  return most === expected ? 1 : (pairs(both) - expected) / (most - expected);
}

/** Mean share of a[i] that is in b[i]; both shape [things][k], without order. */
export function neighbourOverlap(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  const shares = a.map((neighbours, i) => {
    const others = new Set(b[i]);
    return neighbours.filter((neighbour) => others.has(neighbour)).length / neighbours.length;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
