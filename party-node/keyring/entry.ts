import { z } from "zod";
import { Fault } from "../../crypto/fault.ts";
import { liftedNorm } from "../../crypto/dcpe/lift.ts";
import { capriseLayout, checkEpsilon } from "../../crypto/dcpe/parameters.ts";
import { STORED_SHARE } from "../../crypto/dcpe/scale-and-perturb.ts";
import { ringLayout } from "../../crypto/rlwe/parameters.ts";
import { hexOf } from "../../crypto/hex.ts";
import { sodium } from "../../crypto/sodium.ts";
import { memberName, toBase64 } from "../../protocol/index.ts";
import { type KeyringFaultCode, keyringLimits } from "./keyring-fault.ts";

/** One key of a hosted collection. The host keeps what is sealed under it as a collection of its own, named by the id. */
export interface CollectionKey {
  /** 16 random bytes in hexadecimal. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** All that a member needs to read a hosted collection and, as its owner, to write it. */
export interface KeyringEntry {
  /** What this member calls the collection: like a member's name, and once in a keyring. */
  readonly name: string;
  /** Members of the federation. */
  readonly owner: string;
  readonly host: string;
  readonly mode: "outsourced" | "double";
  readonly encoder: { readonly fingerprint: string; readonly dim: number; readonly normMax: number };
  /** Parameters of CAPRISE besides dim and normMax; epsilon is DistanceDP's, per unit of distance between questions of norm 1; null for no noise on queries. */
  readonly sealing: {
    readonly scale: number;
    readonly beta: number;
    readonly rotation: boolean;
    readonly epsilon: number | null;
  };
  /** Of `double`, otherwise null: parameters of the ring besides dim and normMax; the seed is 32 bytes in base64. */
  readonly scoring: { readonly chunk: number; readonly scoreBits: number; readonly seed: string } | null;
  readonly current: CollectionKey;
  /** While keys are rotated: the key of the collection that is being filled. */
  readonly next: CollectionKey | null;
  /** Keys whose collections are still to be erased at the host; the owner's only. */
  readonly retired: readonly CollectionKey[];
}

/** beta as people give it: in lengths of the longest vector the encoder makes. */
export function betaShare({
  sealing: { beta },
  encoder: { normMax },
}: Pick<KeyringEntry, "sealing" | "encoder">): number {
  return Number((beta / normMax).toPrecision(12));
}

/** A fresh key with a fresh id. */
export function newCollectionKey(): CollectionKey {
  return { id: hexOf(sodium.randombytes_buf(16)), secret: sodium.randombytes_buf(32) };
}

/** No ciphertext s x + l of a row has a larger norm than s (M + 3/8 beta). */
export function ciphertextNormMax({
  normMax,
  scale,
  beta,
}: Pick<KeyringEntry["encoder"], "normMax"> & Pick<KeyringEntry["sealing"], "scale" | "beta">): number {
  return scale * (liftedNorm(normMax) + STORED_SHARE * beta);
}

/** Every key of an entry: current, next, retired. */
export function keysOf({ current, next, retired }: KeyringEntry): CollectionKey[] {
  return [current, ...(next ? [next] : []), ...retired];
}

/** Base64 of exactly so many bytes, in its one canonical form. */
export const base64 = (length: number): z.ZodType<string, string> =>
  z.string().refine((text) => {
    const bytes = Buffer.from(text, "base64");
    return bytes.length === length && bytes.toString("base64") === text;
  });

export const keyId = z.string().regex(/^[0-9a-f]{32}$/);
const secretBytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32);
const secretText = z.codec(base64(32), secretBytes, {
  decode: (text) => new Uint8Array(Buffer.from(text, "base64")),
  encode: (bytes) => toBase64(bytes),
});

const described = {
  name: memberName,
  owner: memberName,
  host: memberName,
  mode: z.enum(["outsourced", "double"]),
  encoder: z.strictObject({ fingerprint: z.string().regex(/^[0-9a-f]{64}$/), dim: z.int(), normMax: z.number() }),
  sealing: z.strictObject({
    scale: z.number(),
    beta: z.number(),
    rotation: z.boolean(),
    epsilon: z.number().nullable(),
  }),
  scoring: z.strictObject({ chunk: z.int(), scoreBits: z.int(), seed: base64(32) }).nullable(),
} as const;

type Described = Pick<KeyringEntry, "mode" | "encoder" | "sealing" | "scoring">;

/** The ranges are those of the schemes themselves. */
function fitsItsSchemes({ mode, encoder: { dim, normMax }, sealing, scoring }: Described): boolean {
  const { epsilon, ...perturbation } = sealing;
  try {
    const { ciphertextDim } = capriseLayout({ dim, normMax, ...perturbation });
    if (epsilon !== null) checkEpsilon(epsilon);
    if (scoring)
      ringLayout({
        ...scoring,
        dim: ciphertextDim,
        normMax: ciphertextNormMax({ normMax, ...perturbation }),
        seed: new Uint8Array(Buffer.from(scoring.seed, "base64")),
      });
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
  return (mode === "double") === (scoring !== null);
}

const hasDistinctKeys = (entries: readonly KeyringEntry[]): boolean => {
  const ids = entries.flatMap(keysOf).map(({ id }) => id);
  return new Set(ids).size === ids.length;
};
const hasDistinctNames = (entries: readonly KeyringEntry[]): boolean =>
  new Set(entries.map(({ name }) => name)).size === entries.length;

const keyInFile = z.strictObject({ id: keyId, secret: secretText });

/** An entry as JSON has it: secrets in base64. */
export const entryInFile = z
  .strictObject({
    ...described,
    current: keyInFile,
    next: keyInFile.nullable(),
    retired: z.array(keyInFile).max(keyringLimits.retiredKeysMax),
  })
  .refine(fitsItsSchemes)
  .refine((entry) => hasDistinctKeys([entry]));

/** What a keyring file holds when no passphrase protects it, and what the passphrase seals when one does. */
export const fileContent = z.strictObject({
  version: z.literal(1),
  entries: z.array(entryInFile).max(keyringLimits.entriesMax).refine(hasDistinctNames).refine(hasDistinctKeys),
});

/** An entry as a grant has it: secrets in bytes, and the one key that is granted. */
export const grantedEntry = z
  .strictObject({ ...described, current: z.strictObject({ id: keyId, secret: secretBytes }) })
  .refine(fitsItsSchemes);

/** @throws Fault ENTRY_INVALID, which names the field and never its value. */
export function checkEntry(entry: KeyringEntry): void {
  const result = z.safeEncode(entryInFile, entry as z.output<typeof entryInFile>);
  if (result.success) return;
  throw new Fault<KeyringFaultCode>(
    "ENTRY_INVALID",
    `the entry cannot be kept: ${placeOf(result.error)} is out of its range or not of its form`,
  );
}

/** Where a value does not fit its schema, as the fields' names: nothing of what the value is. */
export function placeOf(error: z.ZodError): string {
  const path = error.issues[0]?.path.map(String).join(".") ?? "";
  return path === "" ? "its fields, taken together" : `its field ${path}`;
}
