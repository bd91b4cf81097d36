import { z } from "zod";
import { MODULUS, RING_DEGREE, WasmKernels } from "../../crypto/index.ts";
import { decodeHopMessage, decodeValue, queryBody, type SeenFrame } from "../../protocol/index.ts";

const RESIDUE_BITS = 31;
/** Coefficients that are compared, from the first that carries nothing of the question. */
const COMPARED = 8;
/** Errors of two ciphertexts differ by less, and residues under two secrets by less with probability 2^-20 each. */
const DIFFERENCE_MAX = 1000;

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const envelope = z.strictObject({ signer: z.string(), payload: bytes, signature: bytes });

/**
 * Sees whether two questions were encrypted under one secret, from what parties receive: b = Q + e - a s of both differ by Q - Q' + e - e' then, and of Q only the first c
 * coefficients are not zero. For questions of one polynomial (d <= c).
 */
export class KeyWatch {
  readonly #kernels = new WasmKernels({ chunks: 1 });
  readonly #chunk: number;
  /** By query id: coefficients of b behind those that carry the question. */
  readonly #seen = new Map<string, Int32Array | Uint32Array>();

  constructor(chunk: number) {
    this.#chunk = chunk;
  }

  get count(): number {
    return this.#seen.size;
  }

  /** @returns What is wrong, or null. */
  look(frame: SeenFrame): string | null {
    if (frame.type !== "query") return null;
    const message = decodeHopMessage(frame.payload);
    if (message.type !== "query") return null;
    const id = Buffer.from(message.queryId).toString("hex");
    const { payload } = decodeValue(envelope, message.body);
    const { query } = decodeValue(queryBody, payload);
    const residues = this.#kernels.unpackBits(query, { count: RING_DEGREE, bits: RESIDUE_BITS });
    this.#kernels.inverseNtt(residues);
    const mine = residues.slice(this.#chunk, this.#chunk + COMPARED);
    const before = this.#seen.get(id);
    if (before) return before.every((residue, i) => residue === mine[i]) ? null : "one query id has two ciphertexts";
    for (const [other, residue] of this.#seen)
      if (residue.every((value, i) => isSmall(value - mine[i]!))) return `queries ${other} and ${id} share a secret`;
    this.#seen.set(id, mine);
    return null;
  }
}

function isSmall(difference: number): boolean {
  const distance = Math.abs(difference);
  return Math.min(distance, MODULUS - distance) < DIFFERENCE_MAX;
}
