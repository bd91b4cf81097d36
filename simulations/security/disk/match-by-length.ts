/**
 * How often a candidate is named rightly by length alone, by somebody who picks at random among all candidates of the length seen.
 *
 * @param present - Lengths of what is sealed, as they show; each is among the candidates.
 * @param absent - Lengths that other candidates would show.
 * @returns Expected share, 0..1.
 */
export function matchByLength(present: readonly number[], absent: readonly number[]): number {
  const candidates = new Map<number, number>();
  for (const length of [...present, ...absent]) candidates.set(length, (candidates.get(length) ?? 0) + 1);
  return present.reduce((sum, length) => sum + 1 / candidates.get(length)!, 0) / present.length;
}
