import { z } from "zod";
import { bytes } from "./fields.ts";
import { limits } from "./limits.ts";

const { trainingRowsMax: rowsMax, trainingBitsMax: bitsMax } = limits;
const id = z.int().min(0).max(0xffff_ffff);
const count = z.int().min(0).max(0xffff_ffff);
/** Numbers of 4 bytes each, little-endian. */
const numbers = (countMax: number) =>
  bytes({ max: 4 * countMax }).refine((list) => list.length % 4 === 0, "expected a multiple of 4 bytes");
/** Name of a run; a party names files after it. */
const run = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, "expected lower-case letters, digits and dashes")
  .max(limits.trainingRunLengthMax);
const epochs = z.int().min(0).max(1_000_000);
const rate = z.number().min(0).max(1e6);
/** Not `.readonly()`, which freezes what it is given, also what is no list: bytes cannot be frozen, and a TypeError is no fault of the peer's. */
const widths: z.ZodType<readonly number[]> = z
  .array(z.int().min(1).max(limits.trainingWidthMax))
  .max(limits.trainingLayersMax);

/** What all parties of a run are told of it. */
export const trainingSettings = z.strictObject({
  run,
  seed: count,
  bits: z.int().min(1).max(bitsMax),
  hidden: widths,
  batchNorm: z.boolean(),
  release: z.enum(["codes", "floats"]),
  greedyPenalty: rate,
  laplaceEpsilon: z.number().positive().max(1e9).nullable(),
  learningRate: rate,
  weightDecay: rate,
  stepEpochs: z.int().min(1).max(1_000_000),
  stepFactor: rate,
});

/** From the member that trains to a party, inside their end-to-end session. */
export const trainingRequests = {
  /** Trainer: how many features and rows have you? */
  "train-shape": z.strictObject({ type: z.literal("train-shape"), id }),
  /** Trainer: start a run, or go on from its checkpoint after so many epochs. */
  "train-begin": z.strictObject({
    type: z.literal("train-begin"),
    id,
    settings: trainingSettings,
    epochsDone: epochs,
  }),
  /** Trainer: what does the bottom model release for these rows (u32 each)? */
  "train-forward": z.strictObject({
    type: z.literal("train-forward"),
    id,
    split: z.enum(["train", "test"]),
    rows: numbers(rowsMax),
    training: z.boolean(),
  }),
  /** Trainer: the gradient by what was released last in training (float32 each), shape [rows, bits]. */
  "train-backward": z.strictObject({ type: z.literal("train-backward"), id, gradient: numbers(rowsMax * bitsMax) }),
  /** Trainer: an epoch is over; keep a checkpoint. */
  "train-end-epoch": z.strictObject({ type: z.literal("train-end-epoch"), id, epochsDone: epochs.min(1) }),
  /** Trainer: keep the run's bottom model, where you keep models. */
  "train-export": z.strictObject({ type: z.literal("train-export"), id, run }),
} as const;

/** From a party. */
export const trainingAnswers = {
  "train-party": z.strictObject({ type: z.literal("train-party"), id, features: count, train: count, test: count }),
  /** Party: codes, one bit an entry (`packSigns`); all that this message shows of the rows. */
  "train-codes": z.strictObject({
    type: z.literal("train-codes"),
    id,
    codes: bytes({ max: (rowsMax * bitsMax) / 8 }),
  }),
  /** Party: what a run without codes, or with noise on them, releases: float32 each. */
  "train-floats": z.strictObject({ type: z.literal("train-floats"), id, values: numbers(rowsMax * bitsMax) }),
  /** Party: `train-begin`, `train-backward`, `train-end-epoch` or `train-export` is done. */
  "train-done": z.strictObject({ type: z.literal("train-done"), id }),
} as const;

type Of<Schemas extends Record<string, z.ZodType>> = { [Type in keyof Schemas]: z.infer<Schemas[Type]> }[keyof Schemas];
export type TrainingRequest = Of<typeof trainingRequests>;
export type TrainingAnswer = Of<typeof trainingAnswers>;

/** The first batch of a run compiles its computation, and the machine may train several parties. */
const deadlineMs = 120_000;
const small = { bytesMax: 4096, deadlineMs };
const withNumbers = (bytesMax: number) => ({ bytesMax: 1024 + bytesMax, deadlineMs });

export const trainingMessageLimits: {
  readonly [Type in (TrainingRequest | TrainingAnswer)["type"]]: {
    readonly bytesMax: number;
    readonly deadlineMs: number;
  };
} = {
  "train-shape": small,
  "train-begin": small,
  "train-forward": withNumbers(4 * rowsMax),
  "train-backward": withNumbers(4 * rowsMax * bitsMax),
  "train-end-epoch": small,
  "train-export": small,
  "train-party": small,
  "train-codes": withNumbers((rowsMax * bitsMax) / 8),
  "train-floats": withNumbers(4 * rowsMax * bitsMax),
  "train-done": small,
};
