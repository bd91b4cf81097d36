import { CapriseKey, SAP_SHARE, STORED_SHARE, ScaleAndPerturb, deriveSeed, sodium } from "../../../crypto/index.ts";
import { normalDraw } from "../../hashvfl/randomness.ts";
import { type Matrix, row } from "../../sealing/matrix.ts";
import { lift, sealRows } from "../../sealing/tune.ts";
import { seededRandom } from "../../seeded-random.ts";

/** Ways to store vectors so that their distances stay about the same. */
export const SCHEMES = ["in the open", "Gaussian noise", "SAP", "CAPRISE"] as const;
export type Scheme = (typeof SCHEMES)[number];

export interface StoringOptions {
  readonly normMax: number;
  /** In units of the vectors' distances. */
  readonly beta: number;
  readonly rotation: boolean;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** No measurement depends on it. */
const SCALE = 1;

/**
 * What a host holds of these rows, all lifted to one norm first.
 *
 * `Gaussian noise`: independent on every coordinate, as long in the mean as CAPRISE's, R n / (n + 1) with R = 3 beta / 8. `SAP`: uniform in a ball of
 * radius beta / 4, for which eprint 2021/1666 promises the same order of distances as CAPRISE does for the same beta.
 *
 * @param rows - Shape [rows][dim], norms at most normMax.
 * @returns Shape [rows][dim + 1].
 */
export function stored(scheme: Scheme, rows: Matrix, { normMax, beta, rotation, secret }: StoringOptions): Matrix {
  if (scheme === "CAPRISE") {
    using key = new CapriseKey(secret, { dim: rows.width, normMax, beta, scale: SCALE, rotation });
    return sealRows(key, rows);
  }
  const lifted = lift(rows, normMax);
  if (scheme === "SAP") return withSap(lifted, beta, secret);
  if (scheme === "Gaussian noise") return withGaussian(lifted, beta, secret);
  return lifted;
}

/** Of one coordinate of the noise on rows of this width; a coordinate of a uniform point of a ball of radius R and n dimensions has R^2 / (n + 2). */
export function noiseVariance(scheme: Scheme, beta: number, width: number): number {
  if (scheme === "in the open") return 0;
  if (scheme === "Gaussian noise") return gaussianDeviation(beta, width) ** 2;
  return ((scheme === "SAP" ? SAP_SHARE : STORED_SHARE) * beta) ** 2 / (width + 2);
}

function withSap(lifted: Matrix, beta: number, secret: Uint8Array): Matrix {
  const sap = new ScaleAndPerturb({ dim: lifted.width, scale: SCALE, beta, share: SAP_SHARE });
  const data = new Float32Array(lifted.data.length);
  for (let i = 0; i < lifted.rows; i++) {
    const seed = deriveSeed(secret, "sotto attack sap", sodium.from_string(String(i)));
    sap.encrypt(Float64Array.from(row(lifted, i)), seed, data, i * lifted.width);
  }
  return { ...lifted, data };
}

function withGaussian(lifted: Matrix, beta: number, secret: Uint8Array): Matrix {
  const { width } = lifted;
  const random = seededRandom(new DataView(secret.buffer, secret.byteOffset).getUint32(0));
  const deviation = gaussianDeviation(beta, width);
  return { ...lifted, data: lifted.data.map((x) => x + deviation * normalDraw(random)) };
}

/** For which the noise is as long in the mean as CAPRISE's; n standard normal numbers have sqrt(n) (1 - 1 / (4 n)), to 1 / (32 n^2). */
function gaussianDeviation(beta: number, width: number): number {
  return (STORED_SHARE * beta * width) / (width + 1) / (Math.sqrt(width) * (1 - 1 / (4 * width)));
}
