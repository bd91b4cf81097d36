import { z } from "zod";
import { bytes } from "./fields.ts";
import { limits } from "./limits.ts";

const { codesPerRequestMax, codeBitsMax, entityIdLengthMax } = limits;
const id = z.int().min(0).max(0xffff_ffff);

/** From a querier to a party that serves codes, inside their end-to-end session. */
export const codeRequests = {
  /** Querier: the codes of these entities. */
  "codes-read": z.strictObject({
    type: z.literal("codes-read"),
    id,
    entities: z.array(z.string().min(1).max(entityIdLengthMax)).min(1).max(codesPerRequestMax),
  }),
} as const;

/** From the party. */
export const codeAnswers = {
  "codes-list": z.strictObject({
    type: z.literal("codes-list"),
    id,
    /** Length of a code. */
    bits: z.int().min(1).max(codeBitsMax),
    /** One bit an entity, in the order of the request, the first in the lowest bit: whether the party knows it. */
    known: bytes({ max: Math.ceil(codesPerRequestMax / 8) }),
    /** Codes of the known ones, whole bytes each (`packSigns`). */
    codes: bytes({ max: (codesPerRequestMax * codeBitsMax) / 8 }),
    /** Entities that this querier may still ask for. */
    left: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  }),
} as const;

export type CodeRequest = z.infer<(typeof codeRequests)["codes-read"]>;
export type CodeAnswer = z.infer<(typeof codeAnswers)["codes-list"]>;

export const codeMessageLimits = {
  // A character of an id takes at most 3 bytes in UTF-8 for every unit of its length.
  "codes-read": { bytesMax: 1024 + codesPerRequestMax * (3 * entityIdLengthMax + 4), deadlineMs: 60_000 },
  "codes-list": { bytesMax: 1024 + codesPerRequestMax * (codeBitsMax / 8 + 1), deadlineMs: 60_000 },
} as const;
