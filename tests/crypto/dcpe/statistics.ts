/**
 * Kolmogorov and Smirnov's distance between a sample and a distribution, times the square root of the sample's size.
 *
 * @param cdf - The distribution's cumulative function, continuous.
 */
export function kolmogorovSmirnov(sample: readonly number[], cdf: (value: number) => number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  const gaps = sorted.map((value, i) => Math.max((i + 1) / sorted.length - cdf(value), cdf(value) - i / sorted.length));
  return gaps.reduce((largest, gap) => Math.max(largest, gap), 0) * Math.sqrt(sample.length);
}

/**
 * A sample of the distribution itself lies above this with a probability of 1e-5: 2 exp(-2 t^2) = 1e-5. The seeds are fixed, so a test that passes once
 * passes always; after a change of the streams, one comparison in 100,000 fails by chance.
 */
export const KS_LIMIT = Math.sqrt(Math.log(2e5) / 2);

/** The cumulative function of the normal distribution, to 1e-10, by its series (Abramowitz and Stegun 26.2.10). */
export function normalCdf(x: number): number {
  if (Math.abs(x) > 6) return x > 0 ? 1 : 0;
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / (2 * n);
    sum += term / (2 * n + 1);
  }
  return 0.5 + sum / Math.sqrt(2 * Math.PI);
}

/** The cumulative function of Gamma(shape, 1), shape whole: 1 - sum over k < shape of exp(-x) x^k / k!. */
export function gammaCdf(shape: number, x: number): number {
  let logTerm = -x;
  let sum = Math.exp(logTerm);
  for (let k = 1; k < shape; k++) {
    logTerm += Math.log(x / k);
    sum += Math.exp(logTerm);
  }
  return 1 - sum;
}

/** The cumulative function of one coordinate of a uniform point on the unit sphere of `dim` dimensions: density (1 - t^2)^((dim - 3) / 2), summed. */
export function sphereCoordinateCdf(dim: number): (t: number) => number {
  const steps = 20_000;
  const sums = [0];
  for (let i = 0; i < steps; i++) {
    const t = -1 + (2 * (i + 0.5)) / steps;
    sums.push((sums[i] ?? NaN) + (1 - t * t) ** ((dim - 3) / 2));
  }
  const total = sums[steps] ?? NaN;
  return (t) => {
    const at = Math.min(Math.max(((t + 1) / 2) * steps, 0), steps - 1e-9);
    const below = sums[Math.floor(at)] ?? NaN;
    return (below + ((sums[Math.floor(at) + 1] ?? NaN) - below) * (at - Math.floor(at))) / total;
  };
}

export function euclidean(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i] ?? NaN) ** 2;
  return Math.sqrt(squares);
}

export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return euclidean(Array.from(a, (x, i) => x - (b[i] ?? NaN)));
}
