import { Fault } from "../fault.ts";
import { vectorProblem } from "../rlwe/block-layout.ts";
import { deriveSeed } from "../rlwe/public-randomness.ts";
import { sodium } from "../sodium.ts";
import { liftCoordinate } from "./lift.ts";
import { distanceNoise } from "./noise.ts";
import {
  type CapriseFaultCode,
  type CapriseLayout,
  type CapriseParameters,
  NORM_MAX,
  capriseLayout,
  checkEpsilon,
  refuseUnknown,
} from "./parameters.ts";
import { SecretRotation } from "./rotation.ts";
import { QUERY_SHARE, STORED_SHARE, ScaleAndPerturb } from "./scale-and-perturb.ts";

/** Names one content of one row. Never give two different vectors one of these: their ciphertexts' difference shows s (m - m'). */
export interface RowVersion {
  /** 1 to 1024 bytes of UTF-8. */
  readonly rowId: string;
  /** 0..2^53 - 1; a new one whenever the row's vector changes, also after it was deleted. */
  readonly version: number;
}

/** A row to encrypt. */
export interface PlainRow extends RowVersion {
  /** Shape [dim], every entry finite, norm at most normMax; not modified. */
  readonly vector: Float32Array;
}

export interface QueryOptions {
  /** Adds DistanceDP's noise first, of mean norm dim / epsilon; at least 1e-6. Left out: none. */
  readonly epsilon?: number;
}

const ROW_ID_BYTES_MAX = 1024;
const FLOAT32_MAX = 3.4e38;

/**
 * A collection's key for CAPRISE (ppRAG, arXiv 2601.12331): the distances of an encrypted query to the encrypted rows keep the order of those
 * in the open, except among rows whose distances differ by at most beta. The proof and its constants are at {@link ScaleAndPerturb}; with an
 * epsilon it speaks of the query after that noise. What the holder of ciphertexts learns is in SECURITY.md: it is approximate geometry, not
 * nothing.
 *
 * A row's noise comes from (key, row id, version), so that encrypting it again shows nobody a second sample to average, and no nonce is kept
 * with it. A query's comes from a fresh nonce. Nothing here shows that a ciphertext was altered, or taken for another row: seal a digest of it
 * with the passage.
 *
 * Not safe to share between threads: it has scratch memory.
 */
export class CapriseKey {
  /** Length of a ciphertext: dim, and one more with a normMax. */
  readonly ciphertextDim: number;
  readonly #layout: CapriseLayout;
  readonly #root: Uint8Array;
  readonly #rotation: SecretRotation | null;
  readonly #stored: ScaleAndPerturb;
  readonly #query: ScaleAndPerturb;
  /** The vector at hand, shape [ciphertextDim], and its first dim entries. */
  readonly #lifted: Float64Array;
  readonly #vector: Float64Array;
  readonly #versionBytes = new Uint8Array(8);
  #wiped = false;

  /**
   * @param secret - 32 secret bytes; not kept.
   * @throws Fault PARAMETERS_INVALID.
   */
  constructor(secret: Uint8Array, parameters: CapriseParameters) {
    if (secret.length !== 32) throw new TypeError(`CapriseKey: the secret has ${secret.length} bytes, expected 32`);
    const layout = capriseLayout(parameters);
    const { ciphertextDim, scale, beta, dim } = layout;
    this.#layout = layout;
    this.ciphertextDim = ciphertextDim;
    this.#root = deriveSeed(secret, "sotto caprise", parameterBytes(layout));
    this.#rotation = layout.rotation
      ? new SecretRotation(deriveSeed(this.#root, "sotto caprise rotation"), ciphertextDim)
      : null;
    this.#stored = new ScaleAndPerturb({ dim: ciphertextDim, scale, beta, share: STORED_SHARE });
    this.#query = new ScaleAndPerturb({ dim: ciphertextDim, scale, beta, share: QUERY_SHARE });
    this.#lifted = new Float64Array(ciphertextDim);
    this.#vector = this.#lifted.subarray(0, dim);
  }

  /**
   * @returns Shape [ciphertextDim], owned by the caller.
   * @throws Fault ROW_INVALID.
   */
  encryptStored(rowId: string, version: number, vector: Float32Array): Float32Array {
    const out = new Float32Array(this.ciphertextDim);
    this.encryptStoredInto(out, [{ rowId, version, vector }]);
    return out;
  }

  /**
   * Encrypts row i into out[i ciphertextDim .. (i + 1) ciphertextDim).
   *
   * @param out - Shape [rows.length][ciphertextDim]; holds the rows before it when one is refused.
   * @throws Fault ROW_INVALID.
   */
  encryptStoredInto(out: Float32Array, rows: readonly PlainRow[]): void {
    this.#expectLength(out, rows.length, this.ciphertextDim);
    rows.forEach((row, i) => {
      this.#openRow(row);
      this.#rotation?.apply(this.#lifted);
      this.#stored.encrypt(this.#lifted, this.#storedSeed(row), out, i * this.ciphertextDim);
    });
    this.#lifted.fill(0);
  }

  /**
   * @returns Shape [dim], off by at most 2^-23 (norm + beta) in norm; owned by the caller. For another row, version or key than it was
   * encrypted for: another vector, and no fault.
   * @throws Fault CIPHERTEXT_MALFORMED.
   */
  decryptStored(rowId: string, version: number, ciphertext: Float32Array): Float32Array {
    const out = new Float32Array(this.#layout.dim);
    if (ciphertext.length !== this.ciphertextDim)
      throw malformed(rowId, `has ${ciphertext.length} entries, expected ${this.ciphertextDim}`);
    this.decryptStoredInto(out, [{ rowId, version }], ciphertext);
    return out;
  }

  /**
   * Decrypts row i, ciphertexts[i ciphertextDim ..), into out[i dim ..).
   *
   * @param ciphertexts - Shape [rows.length][ciphertextDim]; not modified.
   * @param out - Shape [rows.length][dim]; holds the rows before it when one is refused.
   * @throws Fault CIPHERTEXT_MALFORMED.
   */
  decryptStoredInto(out: Float32Array, rows: readonly RowVersion[], ciphertexts: Float32Array): void {
    const { dim } = this.#layout;
    this.#expectLength(out, rows.length, dim);
    this.#expectLength(ciphertexts, rows.length, this.ciphertextDim);
    rows.forEach((row, i) => {
      this.#stored.decrypt(ciphertexts, i * this.ciphertextDim, this.#storedSeed(row), this.#lifted);
      this.#rotation?.invert(this.#lifted);
      if (!fitsFloat32(this.#lifted)) throw malformed(row.rowId, "has an entry that is not a finite number");
      out.set(this.#vector, i * dim);
    });
    this.#lifted.fill(0);
  }

  /**
   * @param vector - Shape [dim], every entry finite, norm at most 1e6 (the order of inner products does not depend on it, but see
   * {@link liftedNorm}); not modified.
   * @returns Shape [ciphertextDim], different every time; owned by the caller.
   * @throws Fault EMBEDDING_INVALID, PARAMETERS_INVALID (epsilon).
   */
  encryptQuery(vector: Float32Array, options: QueryOptions = {}): Float32Array {
    const { epsilon, ...unknown } = options;
    refuseUnknown("encryptQuery", unknown);
    this.#expectUsable();
    const problem = vectorProblem(vector, { dim: this.#layout.dim, normMax: NORM_MAX });
    if (problem !== null) throw new Fault<CapriseFaultCode>("EMBEDDING_INVALID", `the question's embedding ${problem}`);
    const nonce = sodium.randombytes_buf(32);
    this.#lifted.fill(0);
    // A caller that says epsilon means to have the noise: undefined is refused, not ignored.
    if ("epsilon" in options) {
      checkEpsilon(epsilon);
      distanceNoise(deriveSeed(nonce, "sotto distance dp"), epsilon, this.#vector);
    }
    for (let i = 0; i < vector.length; i++) this.#vector[i]! += vector[i]!;
    this.#rotation?.apply(this.#lifted);
    const out = new Float32Array(this.ciphertextDim);
    this.#query.encrypt(this.#lifted, deriveSeed(this.#root, "sotto caprise query", nonce), out, 0);
    sodium.memzero(nonce);
    this.#lifted.fill(0);
    return out;
  }

  /**
   * A question for whoever scores stored ciphertexts c under another encryption (`double`): lifted by a zero and rotated, neither scaled nor
   * perturbed, so that its inner product with c is s <q, x> + <q, l>. Not for a host's eyes: this is the question itself.
   *
   * @param vector - Shape [dim], every entry finite; not modified.
   * @returns Shape [ciphertextDim], of the same norm; owned by the caller.
   * @throws Fault EMBEDDING_INVALID.
   */
  rotateQuery(vector: Float32Array): Float32Array {
    this.#expectUsable();
    const problem = vectorProblem(vector, { dim: this.#layout.dim, normMax: NORM_MAX });
    if (problem !== null) throw new Fault<CapriseFaultCode>("EMBEDDING_INVALID", `the question's embedding ${problem}`);
    this.#lifted.fill(0);
    this.#vector.set(vector);
    this.#rotation?.apply(this.#lifted);
    const out = Float32Array.from(this.#lifted);
    this.#lifted.fill(0);
    return out;
  }

  /** Forgets the key; using it afterwards is a TypeError. */
  [Symbol.dispose](): void {
    this.#wiped = true;
    sodium.memzero(this.#root);
    this.#rotation?.wipe();
    this.#stored.wipe();
    this.#query.wipe();
    this.#lifted.fill(0);
  }

  /** Checks a row's vector and lays it out as the vector at hand. */
  #openRow({ rowId, vector }: PlainRow): void {
    const { dim, normMax } = this.#layout;
    const problem = vectorProblem(vector, { dim, normMax: normMax ?? NORM_MAX });
    if (problem !== null)
      throw new Fault<CapriseFaultCode>("ROW_INVALID", `the vector of row ${JSON.stringify(rowId)} ${problem}`);
    this.#vector.set(vector);
    if (normMax === null) return;
    let squares = 0;
    for (let i = 0; i < dim; i++) squares += vector[i]! * vector[i]!;
    this.#lifted[dim] = liftCoordinate(squares, normMax);
  }

  #storedSeed({ rowId, version }: RowVersion): Uint8Array {
    this.#expectUsable();
    if (!Number.isSafeInteger(version) || version < 0)
      throw new TypeError("a row's version must be a whole number from 0 to 2^53 - 1");
    // Half a character (a surrogate without its pair) becomes U+FFFD in UTF-8, whichever it is: two rows would have one seed.
    const id = rowId.isWellFormed() ? sodium.from_string(rowId) : null;
    if (!id || id.length === 0 || id.length > ROW_ID_BYTES_MAX)
      throw new TypeError(`a row id must be well-formed text of 1 to ${ROW_ID_BYTES_MAX} bytes`);
    new DataView(this.#versionBytes.buffer).setBigUint64(0, BigInt(version), true);
    return deriveSeed(this.#root, "sotto caprise stored", id, this.#versionBytes);
  }

  #expectUsable(): void {
    if (this.#wiped) throw new TypeError("this CAPRISE key has been wiped");
  }

  #expectLength(array: Float32Array, rows: number, dim: number): void {
    if (array.length !== rows * dim)
      throw new TypeError(`CapriseKey: an array has ${array.length} entries, expected ${rows} rows of ${dim}`);
  }
}

/** Two parameter sets never share noise: ciphertexts of one row with one noise and two betas or scales would give the row away. */
function parameterBytes({ dim, scale, beta, rotation, normMax }: CapriseLayout): Uint8Array {
  const values = new DataView(new ArrayBuffer(40));
  [dim, scale, beta, rotation ? 1 : 0, normMax ?? 0].forEach((value, i) => values.setFloat64(8 * i, value, true));
  return new Uint8Array(values.buffer);
}

function fitsFloat32(vector: Float64Array): boolean {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  return squares < FLOAT32_MAX ** 2;
}

function malformed(rowId: string, problem: string): Fault {
  return new Fault<CapriseFaultCode>(
    "CIPHERTEXT_MALFORMED",
    `the ciphertext of row ${JSON.stringify(rowId)} ${problem}; ask its host again or encrypt the row anew`,
  );
}
