import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { memberName } from "./fields.ts";
import { limits } from "./limits.ts";

/** What a member may do. */
export const roleNames = ["party", "querier", "coordinator"] as const;
export type Role = (typeof roleNames)[number];

export const base64 = (length: number): z.ZodType<string> =>
  z.string().refine(
    (text) => {
      const decoded = Buffer.from(text, "base64");
      return decoded.length === length && decoded.toString("base64") === text;
    },
    `expected ${String(length)} bytes in base64`,
  );

export const memberSchema = z.strictObject({
  name: memberName,
  roles: z.array(z.enum(roleNames)).min(1).max(roleNames.length),
  publicKey: base64(32),
});

/** Where members reach the coordinators: parties all of them, queriers the first that answers. A logged change can say otherwise. */
export const coordinatorAddresses = z
  .array(z.url({ protocol: /^wss?$/ }))
  .min(1)
  .max(limits.coordinatorsMax)
  .refine((urls) => new Set(urls).size === urls.length, "expected different addresses");

/** UTC, to the millisecond. */
export const instant = z.iso.datetime({ precision: 3 });

/** What holds for as long as the federation exists, and where it began. Signed by the root key before anything else. */
export const foundingSchema = z.strictObject({
  version: z.literal(2),
  name: z.string().min(1).max(200),
  time: instant,
  rootPublicKey: base64(32),
  coordinatorUrls: coordinatorAddresses,
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
});

export type Founding = z.infer<typeof foundingSchema>;
export type FederationMember = z.infer<typeof memberSchema>;

/** What all members of a federation have agreed on, as its log leaves it. */
export interface FederationTerms extends Omit<Founding, "time"> {
  /** 1 and one for every logged change: a member goes to a lower one never. */
  readonly revision: number;
  readonly members: readonly FederationMember[];
}

/** What names a federation, 32 bytes. @param rootPublicKey - base64. */
export function federationId(rootPublicKey: string): Uint8Array {
  return sodium.crypto_generichash(32, fromBase64(rootPublicKey), null);
}

export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

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

/** What a schema found wrong in a federation file. */
export function malformed(error: z.ZodError): Fault {
  const issue = error.issues[0];
  return new Fault<ProtocolFaultCode>(
    "FEDERATION_MALFORMED",
    `the federation file is not as expected at ${issue?.path.map(String).join(".") || "its top"}: ${issue?.message ?? ""}`,
  );
}
