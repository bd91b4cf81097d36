import { Fault } from "../fault.ts";

/**
 * - PARAMETERS_INVALID: a number of bits, a dimension, a seed, thresholds or scales are out of their range or do not belong together.
 * - SAMPLE_INVALID: there is nothing to fit a coder to, or a vector of the sample has the wrong dimension or an entry that is not finite.
 * - EMBEDDING_INVALID: the same of a vector to encode.
 * - CODE_MALFORMED: a code, or a number of codes packed together, does not have the bytes that its coder's codes have.
 * - INDEX_FULL: more codes than WebAssembly has memory for.
 */
export type CodeFaultCode =
  "PARAMETERS_INVALID" | "SAMPLE_INVALID" | "EMBEDDING_INVALID" | "CODE_MALFORMED" | "INDEX_FULL";

const BITS_MIN = 64;
export const BITS_MAX = 1024;
const DIM_MAX = 65_536;
const SEED_BYTES = 32;

export function codeFault(code: CodeFaultCode, message: string): Fault {
  return new Fault<CodeFaultCode>(code, message);
}

/** @throws Fault PARAMETERS_INVALID unless bits is 64, 128, ... or 1024. */
export function checkBits(bits: number): void {
  if (!Number.isInteger(bits) || bits < BITS_MIN || bits > BITS_MAX || bits % 64 !== 0)
    throw codeFault(
      "PARAMETERS_INVALID",
      `a code has ${String(bits)} bits, expected a multiple of 64 from ${BITS_MIN} to ${BITS_MAX}`,
    );
}

/** @throws Fault PARAMETERS_INVALID. */
export function checkCoder({ dim, bits, seed }: { dim: number; bits: number; seed: Uint8Array }): void {
  checkBits(bits);
  if (!Number.isInteger(dim) || dim < 1 || dim > DIM_MAX)
    throw codeFault("PARAMETERS_INVALID", `dim is ${String(dim)}, expected a whole number from 1 to ${DIM_MAX}`);
  if (!(seed instanceof Uint8Array) || seed.length !== SEED_BYTES)
    throw codeFault("PARAMETERS_INVALID", `the seed of a coder must have ${SEED_BYTES} bytes`);
}
