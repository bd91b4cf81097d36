/**
 * Normalised discounted cumulative gain of one ranking, with linear gain as trec_eval's `ndcg_cut` (and so BEIR) has it:
 * DCG = sum over ranks i = 1..k of grade_i / log2(i + 1), divided by the DCG of the best possible ranking
 * (Järvelin & Kekäläinen, TOIS 2002).
 *
 * @param ranking - Document ids, best first, each once; what is missing beyond its end counts as not relevant.
 * @param grades - Document id -> grade; unjudged documents and negative grades count as 0.
 * @returns 0..1; 0 when nothing is relevant.
 */
export function ndcgAtK(ranking: readonly string[], grades: ReadonlyMap<string, number>, k: number): number {
  const ideal = discountedGain([...grades.values()].sort((a, b) => b - a).slice(0, k));
  if (ideal === 0) return 0;
  return discountedGain(ranking.slice(0, k).map((id) => grades.get(id) ?? 0)) / ideal;
}

/**
 * The share of the relevant documents (grade above 0) that are among the first k, as trec_eval's `recall`.
 *
 * @returns 0..1; 0 when nothing is relevant.
 */
export function recallAtK(ranking: readonly string[], grades: ReadonlyMap<string, number>, k: number): number {
  const relevant = [...grades.values()].filter((grade) => grade > 0).length;
  if (relevant === 0) return 0;
  return ranking.slice(0, k).filter((id) => (grades.get(id) ?? 0) > 0).length / relevant;
}

/** |first k of a that are among the first k of b| / k', k' = min(k, the longer list's length); 1 when both are empty. */
export function overlapAtK(a: readonly string[], b: readonly string[], k: number): number {
  const first = new Set(a.slice(0, k));
  const second = b.slice(0, k);
  const size = Math.max(first.size, second.length);
  return size === 0 ? 1 : second.filter((id) => first.has(id)).length / size;
}

/** Arithmetic mean; 0 for no values. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * The smallest value that at least `percent` per cent of the values do not exceed (nearest rank).
 *
 * @param percent - 0..100.
 * @returns NaN for no values.
 */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}

function discountedGain(grades: readonly number[]): number {
  return grades.reduce((sum, grade, rank) => sum + Math.max(0, grade) / Math.log2(rank + 2), 0);
}
