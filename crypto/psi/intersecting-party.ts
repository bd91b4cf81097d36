import { Fault } from "../fault.ts";
import { sodium } from "../sodium.ts";
import { POINT_BYTES, type Ristretto, loadRistretto, pointFault } from "./ristretto.ts";

/**
 * - IDS_DUPLICATE: an id is there twice.
 * - RANGE_INVALID: ids or positions were asked for that are not there, or twice.
 */
export type IntersectionFaultCode = "IDS_DUPLICATE" | "RANGE_INVALID";

const DOMAIN = new TextEncoder().encode("sotto private set intersection 1");

export interface IntersectionOptions {
  /** All different. Compared as UTF-8: other spellings of a letter are other ids, so that the parties' lists are the same to the byte. */
  readonly ids: readonly string[];
  /** 32 bytes that all parties know and the helper does not, drawn for this intersection. */
  readonly secret: Uint8Array;
  /** 32 bytes that stand for the federation, the parties and this intersection. */
  readonly context: Uint8Array;
}

/**
 * A party's side of a Diffie-Hellman private set intersection (Meadows, "A more efficient cryptographic matchmaking protocol", 1986; Huberman, Franklin
 * and Hogg, "Enhancing privacy and trust in electronic communities", 1999) among two parties or more, with a helper that compares.
 *
 * An id x becomes H(x), a group element, and every party i raises every set to its secret exponent k_i. Elements of all sets that were raised by all
 * are H(x)^(k_1 ... k_n), equal exactly where ids are. A party hands its set out in an order drawn at random, the others keep that order, and the helper
 * tells each party which positions are common: it learns which positions, and nobody else learns what stands there.
 */
export class IntersectingParty implements Disposable {
  readonly #ristretto: Ristretto;
  readonly #ids: readonly string[];
  readonly #key: Uint8Array;
  readonly #prefix: Uint8Array;
  readonly #exponent: Uint8Array;

  private constructor(ristretto: Ristretto, { ids, secret, context }: IntersectionOptions) {
    this.#ristretto = ristretto;
    this.#ids = shuffled(ids);
    this.#key = secret.slice();
    this.#prefix = new Uint8Array([...DOMAIN, ...context]);
    this.#exponent = ristretto.randomScalar();
  }

  /** Draws the secret exponent and the order. @throws Fault IDS_DUPLICATE; TypeError for secrets and contexts of another length. */
  static async create(options: IntersectionOptions): Promise<IntersectingParty> {
    const { ids, secret, context } = options;
    if (secret.length !== 32 || context.length !== 32)
      throw new TypeError("a private set intersection takes a secret and a context of 32 bytes each");
    if (new Set(ids).size !== ids.length)
      throw new Fault<IntersectionFaultCode>("IDS_DUPLICATE", "an id is there twice; keep one row of each entity");
    return new IntersectingParty(await loadRistretto(), options);
  }

  get size(): number {
    return this.#ids.length;
  }

  /**
   * Its own set, H(x)^k, in its own random order.
   *
   * @returns 32 bytes each for the ids from position `from` on.
   * @throws Fault RANGE_INVALID.
   */
  blind(from: number, count: number): Uint8Array {
    if (from < 0 || count < 1 || from + count > this.size)
      throw new Fault<IntersectionFaultCode>("RANGE_INVALID", `ids were asked for that are not among ${this.size}`);
    const out = new Uint8Array(POINT_BYTES * count);
    for (let i = 0; i < count; i++) {
      const point = this.#ristretto.hashToPoint(this.#hash(this.#ids[from + i]!));
      out.set(this.#ristretto.power(point, this.#exponent), POINT_BYTES * i);
    }
    return out;
  }

  /**
   * Another's set, each element raised, in the order given.
   *
   * @param points - 32 bytes each.
   * @throws Fault POINT_INVALID.
   */
  raise(points: Uint8Array): Uint8Array {
    if (points.length % POINT_BYTES !== 0) throw pointFault();
    const out = new Uint8Array(points.length);
    for (let at = 0; at < points.length; at += POINT_BYTES)
      out.set(this.#ristretto.power(points.subarray(at, at + POINT_BYTES), this.#exponent), at);
    return out;
  }

  /** The ids at these positions of its order. @throws Fault RANGE_INVALID for one that is not there, or is there twice. */
  pick(positions: Uint32Array): string[] {
    if (new Set(positions).size !== positions.length || positions.some((position) => position >= this.size))
      throw new Fault<IntersectionFaultCode>("RANGE_INVALID", "common ids were named that are not there, or twice");
    return Array.from(positions, (position) => this.#ids[position]!);
  }

  /** Wipes the secrets. */
  [Symbol.dispose](): void {
    sodium.memzero(this.#exponent);
    sodium.memzero(this.#key);
  }

  #hash(id: string): Uint8Array {
    const text = new TextEncoder().encode(id);
    const message = new Uint8Array(this.#prefix.length + text.length);
    message.set(this.#prefix);
    message.set(text, this.#prefix.length);
    return sodium.crypto_generichash(64, message, this.#key);
  }
}

/** Fisher and Yates, with libsodium's randomness. */
function shuffled(ids: readonly string[]): string[] {
  const order = [...ids];
  for (let i = order.length - 1; i > 0; i--) {
    const j = sodium.randombytes_uniform(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
