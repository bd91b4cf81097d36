import { codeFault } from "./code-fault.ts";

/** Set bits of every byte. */
const BITS_SET = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
});

/**
 * The number of bits in which two codes of one coder differ.
 *
 * @throws Fault CODE_MALFORMED when their lengths differ.
 */
export function hammingDistance(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length)
    throw codeFault(
      "CODE_MALFORMED",
      `codes of ${a.length} and ${b.length} bytes cannot be compared; are they of one coder?`,
    );
  let distance = 0;
  for (let i = 0; i < a.length; i++) distance += BITS_SET[a[i]! ^ b[i]!]!;
  return distance;
}
