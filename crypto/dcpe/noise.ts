import { sodium } from "../sodium.ts";
import { UNIFORM_BYTES, gaussianBytes, gaussians, uniform } from "./gaussian.ts";

/**
 * Fills `out`, shape [d], with a point uniform in the ball of this radius: radius u^(1/d) n / ||n||, u uniform, n normal (eprint 2021/1666,
 * SAP's Enc). The stream is u, then n (gaussian.ts, which says how far from uniform the direction is). Engines may differ in the last bit of
 * the power, 1e-16 of the radius.
 *
 * @param seed - 32 bytes; the same seed gives the same point.
 */
export function ballNoise(seed: Uint8Array, radius: number, out: Float64Array): void {
  withStream(seed, UNIFORM_BYTES + gaussianBytes(out.length), (stream) => {
    gaussians(stream, UNIFORM_BYTES, out);
    setNorm(out, radius * uniform(stream, 0) ** (1 / out.length));
  });
}

/**
 * Fills `out`, shape [d], with the noise of DistanceDP: density proportional to exp(-epsilon ||z||), that is a uniform direction and a radius
 * of Gamma(d, 1 / epsilon), drawn as a sum of d exponentials. The mean radius is d / epsilon.
 *
 * What is added to a vector q makes outputs at most exp(epsilon ||q - q'||) times as likely as for q' (Andres et al., "Geo-indistinguishability",
 * 2013, in d dimensions). That holds for real numbers; at the resolution of gaussian.ts it holds up to the distance stated there.
 *
 * @param seed - 32 bytes, fresh for every query.
 * @param epsilon - Above 0, per unit of Euclidean distance.
 */
export function distanceNoise(seed: Uint8Array, epsilon: number, out: Float64Array): void {
  const dim = out.length;
  withStream(seed, UNIFORM_BYTES * dim + gaussianBytes(dim), (stream) => {
    let exponentials = 0;
    for (let i = 0; i < dim; i++) exponentials -= Math.log(uniform(stream, UNIFORM_BYTES * i));
    gaussians(stream, UNIFORM_BYTES * dim, out);
    setNorm(out, exponentials / epsilon);
  });
}

/** Hands over the seed's ChaCha20 stream and wipes it. */
export function withStream(seed: Uint8Array, bytes: number, use: (stream: DataView) => void): void {
  const stream = sodium.randombytes_buf_deterministic(bytes, seed);
  use(new DataView(stream.buffer, stream.byteOffset, stream.byteLength));
  stream.fill(0);
}

/** `vector` is not zero: no value of {@link gaussians} is. */
function setNorm(vector: Float64Array, norm: number): void {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  const factor = norm / Math.sqrt(squares);
  for (let i = 0; i < vector.length; i++) vector[i]! *= factor;
}
