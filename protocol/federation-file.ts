import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import { encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { limits } from "./limits.ts";
import { memberName } from "./fields.ts";
import { signDetached, verifyDetached } from "./signed.ts";

/** What a member may do. */
export const roleNames = ["party", "querier", "coordinator"] as const;
export type Role = (typeof roleNames)[number];

const base64 = (length: number): z.ZodType<string> =>
  z.string().refine(
    (text) => {
      const decoded = Buffer.from(text, "base64");
      return decoded.length === length && decoded.toString("base64") === text;
    },
    `expected ${String(length)} bytes in base64`,
  );

const memberSchema = z.strictObject({
  name: memberName,
  roles: z.array(z.enum(roleNames)).min(1).max(roleNames.length),
  publicKey: base64(32),
});

const termsSchema = z.strictObject({
  version: z.literal(2),
  name: z.string().min(1).max(200),
  /** Raised by every change; a member refuses to go back. */
  revision: z.int().min(1),
  rootPublicKey: base64(32),
  /** Where members reach the coordinators: parties all of them, queriers the first that answers. */
  coordinatorUrls: z
    .array(z.url({ protocol: /^wss?$/ }))
    .min(1)
    .max(limits.coordinatorsMax)
    .refine((urls) => new Set(urls).size === urls.length, "expected different addresses"),
  /** `private` is the product; `clear` is for baselines and needs `--insecure-clear` at every node. */
  mode: z.enum(["private", "clear"]),
  encoder: z.strictObject({ spec: z.string().min(1).max(1000), fingerprint: z.string().regex(/^[0-9a-f]{64}$/) }),
  scoring: z.strictObject({
    dim: z.int().min(1),
    chunk: z.int(),
    normMax: z.number().positive(),
    scoreBits: z.int(),
    seed: base64(32),
  }),
  /**
   * Set where parties hold different features of the same entities: how many they are. Their scores are added, so `scoring.normMax` is that many times the
   * encoder's. Left out where each party has documents of its own.
   */
  vertical: z.strictObject({ parties: z.int().min(2).max(limits.verticalPartiesMax) }).optional(),
  members: z.array(memberSchema).max(limits.membersMax),
});

const fileSchema = z.strictObject({ terms: termsSchema, signature: base64(64) });

/** What all members of a federation have agreed on. */
export type FederationTerms = z.infer<typeof termsSchema>;
export type FederationMember = z.infer<typeof memberSchema>;

/** What names a federation, 32 bytes. @param rootPublicKey - base64. */
export function federationId(rootPublicKey: string): Uint8Array {
  return sodium.crypto_generichash(32, fromBase64(rootPublicKey), null);
}

export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** The bytes the signature covers: deterministic CBOR of the terms, so that the file's layout and spacing do not matter. */
const signedPart = (terms: FederationTerms): Uint8Array => encodeValue(terms);

/** @returns The text of a signed federation file, for people to read and to send around. */
export function signFederation(terms: FederationTerms, rootSecretKey: Uint8Array): string {
  const checked = parseTerms(terms);
  const signature = signDetached("federation", federationId(checked.rootPublicKey), signedPart(checked), rootSecretKey);
  return `${JSON.stringify({ terms: checked, signature: toBase64(signature) }, null, 2)}\n`;
}

function parseTerms(terms: unknown): FederationTerms {
  const result = termsSchema.safeParse(terms);
  if (!result.success) throw malformed(result.error);
  const names = result.data.members.map(({ name }) => name);
  if (new Set(names).size !== names.length)
    throw new Fault<ProtocolFaultCode>("FEDERATION_MALFORMED", "the federation names a member twice");
  refuseUnfitVertical(result.data);
  return result.data;
}

function refuseUnfitVertical({ vertical, mode, members }: FederationTerms): void {
  if (!vertical) return;
  const parties = members.filter(({ roles }) => roles.includes("party")).length;
  if (parties > vertical.parties)
    throw new Fault<ProtocolFaultCode>(
      "FEDERATION_MALFORMED",
      `the federation is for ${String(vertical.parties)} parties that hold features of the same entities, and names ${String(parties)}; one for more has to be founded anew`,
    );
  if (mode !== "private")
    throw new Fault<ProtocolFaultCode>("FEDERATION_MALFORMED", "a vertical federation does not run in clear");
}

/**
 * The parties of a vertical federation, in the order of their names.
 *
 * @throws Fault VERTICAL_INCOMPLETE: some are not members yet. TypeError when the federation is not vertical.
 */
export function verticalParties({
  terms: { vertical, members },
}: {
  readonly terms: FederationTerms;
}): readonly string[] {
  if (!vertical) throw new TypeError("the federation is not vertical");
  const parties = members.filter(({ roles }) => roles.includes("party")).map(({ name }) => name);
  if (parties.length !== vertical.parties)
    throw new Fault<ProtocolFaultCode>(
      "VERTICAL_INCOMPLETE",
      `the federation adds the scores of ${String(vertical.parties)} parties and names ${String(parties.length)}; the founder adds the others with \`sotto federation add\``,
    );
  return parties.sort();
}

function malformed(error: z.ZodError): Fault {
  const issue = error.issues[0];
  return new Fault(
    "FEDERATION_MALFORMED",
    `the federation file is not as expected at ${issue?.path.map(String).join(".") || "its top"}: ${issue?.message ?? ""}`,
  );
}

/**
 * Reads a federation file and checks who signed it.
 *
 * @param rootPublicKey - The key this node trusts, base64.
 * @throws Fault FEDERATION_MALFORMED, FEDERATION_TAMPERED.
 */
export function readFederation(text: string, rootPublicKey: string): FederationTerms {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Fault<ProtocolFaultCode>(
      "FEDERATION_MALFORMED",
      "the federation file is not JSON; ask the federation's founder for a fresh copy",
      cause,
    );
  }
  const file = fileSchema.safeParse(json);
  if (!file.success) throw malformed(file.error);
  const terms = parseTerms(file.data.terms);
  const root = fromBase64(rootPublicKey);
  const id = federationId(rootPublicKey);
  if (
    terms.rootPublicKey !== rootPublicKey ||
    !verifyDetached("federation", id, signedPart(terms), fromBase64(file.data.signature), root)
  ) {
    throw new Fault<ProtocolFaultCode>(
      "FEDERATION_TAMPERED",
      "the federation file is not signed by the root key this node trusts; ask the federation's founder for a fresh copy and compare the root key with them",
    );
  }
  return terms;
}
