/** A measured point. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Slope {
  /** Of y per unit of x. */
  readonly slope: number;
  readonly standardError: number;
  readonly points: number;
}

/**
 * Least squares through the points of several lives of one process, which have a slope in common and each a level of their own (analysis of covariance).
 *
 * @returns Null with fewer than three points more than lives, or where x does not vary.
 */
export function commonSlope(lives: readonly (readonly Point[])[]): Slope | null {
  const used = lives.filter((life) => life.length >= 2);
  const points = used.reduce((sum, { length }) => sum + length, 0);
  const freedom = points - used.length - 1;
  let [sxx, sxy, syy] = [0, 0, 0];
  for (const life of used) {
    const meanX = life.reduce((sum, { x }) => sum + x, 0) / life.length;
    const meanY = life.reduce((sum, { y }) => sum + y, 0) / life.length;
    for (const { x, y } of life) {
      sxx += (x - meanX) ** 2;
      sxy += (x - meanX) * (y - meanY);
      syy += (y - meanY) ** 2;
    }
  }
  if (freedom < 2 || sxx === 0) return null;
  const slope = sxy / sxx;
  const residual = Math.max(0, syy - slope * sxy);
  return { slope, standardError: Math.sqrt(residual / freedom / sxx), points };
}
