import { z } from "zod";
import { bytes } from "./fields.ts";
import { limits } from "./limits.ts";

const id = z.int().min(0).max(0xffff_ffff);
const version = bytes({ length: 16 });
const prototypesMax = limits.routingPrototypesMax;

/** From a querier to a party, inside their end-to-end session. */
export const routingRequests = {
  /** Querier: what do you hold, roughly? `known` is the version of the summary that it has, empty for none. */
  "route-summary": z.strictObject({
    type: z.literal("route-summary"),
    id,
    known: bytes({ max: 16 }).refine((known) => known.length % 16 === 0, "expected 16 bytes or none"),
  }),
} as const;

/** From the party. Whether what they hold fits together is for the querier to check, whose session with the party goes on if it does not. */
export const routingAnswers = {
  /** Party: 32 bytes a prototype, and how many passages it stands for; none where `known` is the present version. */
  "route-prototypes": z.strictObject({
    type: z.literal("route-prototypes"),
    id,
    version,
    /** Which coder made the prototypes. */
    coder: bytes({ length: 32 }),
    prototypes: bytes({ max: limits.routingCodeBytes * prototypesMax }),
    passages: z.array(z.int().min(0).max(0xffff_ffff)).max(prototypesMax),
  }),
} as const;

type Of<Schemas extends Record<string, z.ZodType>> = { [Type in keyof Schemas]: z.infer<Schemas[Type]> }[keyof Schemas];
export type RoutingRequest = Of<typeof routingRequests>;
export type RoutingAnswer = Of<typeof routingAnswers>;

export const routingMessageLimits: {
  readonly [Type in (RoutingRequest | RoutingAnswer)["type"]]: {
    readonly bytesMax: number;
    readonly deadlineMs: number;
  };
} = {
  "route-summary": { bytesMax: 256, deadlineMs: 30_000 },
  "route-prototypes": { bytesMax: 1024 + (limits.routingCodeBytes + 8) * prototypesMax, deadlineMs: 30_000 },
};
