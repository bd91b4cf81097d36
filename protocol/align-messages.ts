import { z } from "zod";
import { bytes, memberName } from "./fields.ts";
import { limits } from "./limits.ts";

const id = z.int().min(0).max(0xffff_ffff);
const invitation = bytes({ max: limits.alignInvitationBytesMax });
/** At most `countMax` entries of `entryBytes` each, one after the other. */
const entries = (entryBytes: number, countMax: number) =>
  bytes({ max: entryBytes * countMax }).refine(
    (list) => list.length % entryBytes === 0,
    `expected a multiple of ${entryBytes} bytes`,
  );
/** Elements of ristretto255. */
const points = entries(32, limits.alignPagePointsMax);
const idCount = z.int().min(0).max(limits.alignIdsMax);

/** From the helper to a party, inside their end-to-end session; one alignment a session. */
export const alignRequests = {
  /** Helper: find the ids that these parties have in common. `invitation` is empty for the first of them, which invites the others. */
  "align-begin": z.strictObject({
    type: z.literal("align-begin"),
    id,
    alignment: bytes({ length: 16 }),
    parties: z.array(memberName).min(2).max(limits.alignPartiesMax),
    invitation,
  }),
  /** Helper: a page of your set, raised by you. */
  "align-blind": z.strictObject({
    type: z.literal("align-blind"),
    id,
    from: idCount,
    count: z.int().min(1).max(limits.alignPagePointsMax),
  }),
  /** Helper: raise a page of another's set. */
  "align-raise": z.strictObject({ type: z.literal("align-raise"), id, points }),
  /** Helper: these positions of your set (u32 each, little-endian) are common, in this order; keep their ids. */
  "align-keep": z.strictObject({ type: z.literal("align-keep"), id, positions: entries(4, limits.alignIdsMax) }),
} as const;

/** From a party. */
export const alignAnswers = {
  /** Party: how many ids it has; the first party also what the helper hands to the others and cannot read. */
  "align-begun": z.strictObject({
    type: z.literal("align-begun"),
    id,
    ids: idCount,
    invitations: z.array(z.strictObject({ member: memberName, invitation })).max(limits.alignPartiesMax),
  }),
  /** Party: as many as were asked for, in the same order. */
  "align-points": z.strictObject({ type: z.literal("align-points"), id, points }),
  /** Party: the common ids are kept. */
  "align-kept": z.strictObject({ type: z.literal("align-kept"), id }),
} as const;

type Of<Schemas extends Record<string, z.ZodType>> = { [Type in keyof Schemas]: z.infer<Schemas[Type]> }[keyof Schemas];
export type AlignRequest = Of<typeof alignRequests>;
export type AlignAnswer = Of<typeof alignAnswers>;

/** A party raises a page in a tenth of a second, and has pages of all other parties to raise. */
const deadlineMs = 60_000;
const small = { bytesMax: 4096, deadlineMs };
const page = { bytesMax: 1024 + 32 * limits.alignPagePointsMax, deadlineMs };

export const alignMessageLimits: {
  readonly [Type in (AlignRequest | AlignAnswer)["type"]]: { readonly bytesMax: number; readonly deadlineMs: number };
} = {
  "align-begin": { bytesMax: 8192, deadlineMs },
  "align-blind": small,
  "align-raise": page,
  "align-keep": { bytesMax: 1024 + 4 * limits.alignIdsMax, deadlineMs },
  "align-begun": { bytesMax: 65_536, deadlineMs },
  "align-points": page,
  "align-kept": small,
};
