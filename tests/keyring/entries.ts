import { type KeyringEntry, newCollectionKey } from "../../party-node/keyring/index.ts";

/** Cheap, for tests that do not measure it. */
export const cheap = { memoryKiB: 8192, passes: 1, parallelism: 1 } as const;

export const PASSPHRASE = "correct horse battery staple";

/** A collection with a key of its own. */
export function entryOf(name: string, changes: Partial<KeyringEntry> = {}): KeyringEntry {
  return {
    name,
    owner: "clinic",
    host: "hoster",
    mode: "outsourced",
    encoder: { fingerprint: "ab".repeat(32), dim: 1024, normMax: 24.5 },
    sealing: { scale: 3.25, beta: 1.5, rotation: true, epsilon: null },
    scoring: null,
    current: newCollectionKey(),
    next: null,
    retired: [],
    ...changes,
  };
}

/** One of `double`, being rotated, with everything an entry can have. */
export function fullEntryOf(name: string): KeyringEntry {
  return entryOf(name, {
    mode: "double",
    sealing: { scale: 3.25, beta: 1.5, rotation: false, epsilon: 40 },
    scoring: { chunk: 16, scoreBits: 14, seed: Buffer.alloc(32, 7).toString("base64") },
    next: newCollectionKey(),
    retired: [newCollectionKey(), newCollectionKey()],
  });
}

/** Every form in which an entry's secrets might show in a text or a file. */
export function secretsOf({ current, next, retired }: KeyringEntry): string[] {
  return [current, ...(next ? [next] : []), ...retired].flatMap(({ secret }) => [
    Buffer.from(secret).toString("base64").slice(0, 42),
    Buffer.from(secret).toString("base64url").slice(0, 42),
    Buffer.from(secret).toString("hex"),
    [...secret].join(),
  ]);
}

/** What a call throws, or rejects with. */
export async function failureOf(call: () => unknown): Promise<Error & { readonly code?: string }> {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

/** All that a log could print of an error. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error ?? "");
  const { message, stack, cause, ...rest } = error;
  return [message, stack, JSON.stringify(rest), textOf(cause)].join("\n");
}
