import { z } from "zod";
import { HASH_BYTES, limits, openedPassage } from "../../protocol/index.ts";

const byteString = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const exactly = (length: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length);
const hash = exactly(HASH_BYTES);

/** A party has signed a description of a block that is not the one its version names. */
const blockMisdescribed = z.strictObject({
  kind: z.literal("block-misdescribed"),
  /** The signed `blockManifest`. */
  manifest: byteString,
});

/** A party has signed that it handed out a passage of a block, and the block has no such passage. */
const passageForeign = z.strictObject({
  kind: z.literal("passage-foreign"),
  /** The signed `passageStatement`. */
  statement: byteString,
  /** Which of its rows. */
  row: z
    .int()
    .min(0)
    .max(limits.fetchHandlesMax - 1),
  /** What the version of that row's block is made of. */
  description: hash,
  passages: hash,
});

/** What it takes to read a party's answer again: all of it secret, and the question with it. */
export const opening = z.strictObject({
  /** X25519 private key of the query, to which the scores were sealed. */
  answerKey: exactly(32),
  /** The query's secret: as many signs as the ring has coefficients, one byte each, 0, 1 or 255 for -1. */
  secret: byteString,
  /** The question's vector: float32, little-endian. */
  question: byteString,
});

/** A party has answered with a score that its passage's words cannot earn. */
const scoreTooHigh = z.strictObject({
  kind: z.literal("score-too-high"),
  /** The signed query and the party's signed answer to it. */
  query: byteString,
  answer: byteString,
  /** The signed `passageStatement`, and which of its rows it is about. */
  statement: byteString,
  row: z
    .int()
    .min(0)
    .max(limits.fetchHandlesMax - 1),
  passage: openedPassage,
  /** How the party described the row's block. */
  occupied: byteString,
  hint: byteString,
  passages: hash,
  /** {@link opening}, in the open or in a box that its finder's identity key opens. */
  opening: z.union([opening, byteString]),
});

/** What is said of a party, with what proves it. */
export const claim = z.discriminatedUnion("kind", [blockMisdescribed, passageForeign, scoreTooHigh]);

/** What a piece of evidence holds, signed by who found it. */
export const evidenceBody = z.strictObject({
  version: z.literal(1),
  party: z.string().max(limits.nameLengthMax),
  /** Milliseconds since 1970 on the finder's clock. Nothing rests on it. */
  foundAtMs: z.int().min(0),
  claim,
});

export type Claim = z.infer<typeof claim>;
export type ScoreClaim = z.infer<typeof scoreTooHigh>;
export type Opening = z.infer<typeof opening>;
export type EvidenceBody = z.infer<typeof evidenceBody>;
export type Accusation = Pick<EvidenceBody, "party" | "claim">;
