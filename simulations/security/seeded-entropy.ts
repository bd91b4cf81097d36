import { createCipheriv, createHash } from "node:crypto";
import { Fault } from "../../crypto/fault.ts";

/** Sent by the parent in the environment of a process that may have its entropy replaced. */
export const SEEDED_PROCESS = "SOTTO_SEEDED_ATTACK";

/**
 * Makes libsodium and SEAL draw repeatable bits in this process, so that a seed reproduces an evaluation, keys and ciphertext errors included. What is attacked
 * is the code that ships; only where its entropy comes from differs. Both libraries read `crypto.getRandomValues` of the global scope.
 *
 * Call it before anything of ours is imported.
 *
 * @throws Fault NOT_SEEDABLE in any process that was not started to run attacks: real keys must never be made from a seed.
 */
export function seedEntropy(label: string): void {
  if (process.env[SEEDED_PROCESS] !== "1")
    throw new Fault<"NOT_SEEDABLE">(
      "NOT_SEEDABLE",
      "only a process that was started to run attacks may have seeded keys",
    );
  const key = createHash("sha256").update("sotto security evaluation").update(label).digest();
  const stream = createCipheriv("chacha20", key, Buffer.alloc(16));
  const getRandomValues = <Values extends ArrayBufferView>(values: Values): Values => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    bytes.set(stream.update(new Uint8Array(bytes.length)));
    return values;
  };
  const seeded: unknown = Object.create(globalThis.crypto, { getRandomValues: { value: getRandomValues } });
  Object.defineProperty(globalThis, "crypto", { value: seeded, configurable: true });
}
