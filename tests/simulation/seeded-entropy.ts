import { createCipheriv, createHash } from "node:crypto";

/** Set in the environment of processes that run simulations: no other may have its keys made from a seed. */
export const SIMULATION_PROCESS = "SOTTO_SIMULATION";

const ZEROS = Buffer.alloc(64 * 1024);
let cipher: ReturnType<typeof createCipheriv> | null = null;
let words = new Uint32Array(0);
let used = 0;

/**
 * Makes libsodium and SEAL, which read `crypto.getRandomValues` of the global scope, draw from a stream that {@link seedEntropy} sets. Call it before anything of
 * ours is imported.
 */
export function replaceEntropy(): void {
  if (process.env[SIMULATION_PROCESS] !== "1") throw new TypeError("only a simulation may have seeded keys");
  const getRandomValues = <Values extends ArrayBufferView>(values: Values): Values => {
    // libsodium asks for one word at a time, thousands of times.
    if (values instanceof Uint32Array && values.length === 1) {
      values[0] = nextWord();
      return values;
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    fill(bytes);
    return values;
  };
  seedEntropy("before the first run");
  const seeded: unknown = Object.create(globalThis.crypto, { getRandomValues: { value: getRandomValues } });
  Object.defineProperty(globalThis, "crypto", { value: seeded, configurable: true });
}

export function seedEntropy(label: string): void {
  const key = createHash("sha256").update("sotto simulation").update(label).digest();
  cipher = createCipheriv("chacha20", key, Buffer.alloc(16));
  used = words.length;
}

function fill(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = nextWord();
}

function nextWord(): number {
  if (used === words.length) {
    const drawn = cipher!.update(ZEROS);
    words = new Uint32Array(drawn.buffer, drawn.byteOffset, drawn.length / 4);
    used = 0;
  }
  return words[used++]!;
}
