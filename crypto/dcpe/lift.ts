/** An embedding's norm may be this much above normMax, as computed in single precision (crypto/rlwe/block-layout.ts allows 1e-4). */
const SLACK = 2e-4;

/**
 * M: the norm that every lifted vector has, a little above normMax so that no admitted vector is longer.
 *
 * The lift (Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean transformation for inner-product spaces", 2014,
 * theorem 1) makes the order of distances that of inner products: stored x becomes [x, sqrt(M^2 - ||x||^2)], a query q becomes [q, 0], and
 * ||q - x||^2 = ||q||^2 + M^2 - 2 <q, x>.
 *
 * An error bound on distances is weak for a short query: two rows whose inner products with q differ by D differ in distance by at least
 * D / (||q|| + M). A query of norm M or more, which ranks the same, loses less to beta than one of norm 1.
 */
export function liftedNorm(normMax: number): number {
  return normMax * (1 + SLACK);
}

/** The coordinate added to a stored vector of this squared norm. */
export function liftCoordinate(squaredNorm: number, normMax: number): number {
  return Math.sqrt(Math.max(0, liftedNorm(normMax) ** 2 - squaredNorm));
}

/** What {@link innerProductOfDistance} and its inverse need to know of both sides. */
export interface LiftedNorms {
  readonly normMax: number;
  /** ||q||, DistanceDP's noise included. */
  readonly queryNorm: number;
}

/**
 * <q, x> from the distance of the lifted vectors.
 *
 * @param distance - In plaintext units: an encrypted distance over the key's scale, which is off by at most beta / 2.
 */
export function innerProductOfDistance(distance: number, { normMax, queryNorm }: LiftedNorms): number {
  return (queryNorm ** 2 + liftedNorm(normMax) ** 2 - distance ** 2) / 2;
}

/** The distance of the lifted vectors from <q, x>; 0 where rounding leaves less than nothing. */
export function distanceOfInnerProduct(innerProduct: number, { normMax, queryNorm }: LiftedNorms): number {
  return Math.sqrt(Math.max(0, queryNorm ** 2 + liftedNorm(normMax) ** 2 - 2 * innerProduct));
}
