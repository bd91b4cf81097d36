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

/** Beyond it the correction for points that follow each other would rest on too few. */
const CORRELATION_MAX = 0.8;

/**
 * Least squares through the points of several lives of one process, which have a slope in common and each a level of their own (analysis of covariance). What memory
 * does at one point it mostly still does at the next: the standard error is that of errors of first order (Quenouille 1952).
 *
 * @returns Null with fewer than three points more than lives, or where x does not vary.
 */
export function commonSlope(lives: readonly (readonly Point[])[]): Slope | null {
  const used = lives.filter((life) => life.length >= 2).map(aboutMean);
  const all = used.flat();
  const freedom = all.length - used.length - 1;
  const sxx = sum(all.map(({ x }) => x * x));
  if (freedom < 2 || sxx === 0) return null;
  const slope = sum(all.map(({ x, y }) => x * y)) / sxx;
  const residuals = used.map((life) => life.map(({ x, y }) => y - slope * x));
  const squares = sum(residuals.flat().map((one) => one * one));
  const products = sum(residuals.flatMap((life) => life.slice(1).map((one, i) => one * life[i]!)));
  const correlation = squares === 0 ? 0 : Math.min(CORRELATION_MAX, Math.max(0, products / squares));
  const inflation = (1 + correlation) / (1 - correlation);
  return { slope, standardError: Math.sqrt((squares / freedom / sxx) * inflation), points: all.length };
}

function aboutMean(life: readonly Point[]): Point[] {
  const x = sum(life.map((point) => point.x)) / life.length;
  const y = sum(life.map((point) => point.y)) / life.length;
  return life.map((point) => ({ x: point.x - x, y: point.y - y }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
