import { mean } from "../metrics.ts";
import { accuracyOf, areaOf, meanCosine, positiveShares } from "./figures.ts";
import type { TopModel } from "./top-model.ts";
import type { SplitName, TrainingParty } from "./training-party.ts";

/** What an epoch reached; releases are those of evaluation, by running statistics. */
export interface EpochFigures {
  /** From 1. */
  readonly epoch: number;
  /** Mean over the epoch's batches. */
  readonly loss: number;
  /** Learnability: of the top model from what is released, on the test rows. */
  readonly accuracy: number;
  /** Of two classes the second's, of more the mean of each against the rest; on the test rows. */
  readonly auc: number;
  /** Bit balance: the share of training rows with which a bit of a party is positive. */
  readonly balance: BitBalance;
  /** Consistency: mean cosine on the test rows, of releases with their class's code and between parties (null for one party). */
  readonly consistency: { readonly withClassCode: number; readonly betweenParties: number | null };
}

export interface BitBalance {
  readonly min: number;
  readonly max: number;
  /** The share of bits within {@link BALANCED}. */
  readonly balanced: number;
  /** Of each party, shape [parties, bits]. */
  readonly shares: readonly (readonly number[])[];
}

/** The shares of positive rows between which a bit counts as balanced. */
export const BALANCED = { min: 0.45, max: 0.55 };
/** Rows asked of a party at once. */
const ROWS_AT_ONCE = 1024;

export interface Evaluated {
  readonly parties: readonly TrainingParty[];
  readonly labels: { readonly train: Uint8Array; readonly test: Uint8Array };
  readonly top: TopModel;
  /** Of the classes, shape [classes, bits]. */
  readonly codes: readonly Float32Array[];
  readonly bits: number;
}

export interface Evaluation {
  /** Probabilities of the classes on the test rows, shape [rows, classes]. */
  readonly scores: Float32Array;
  readonly trainReleases: readonly Float32Array[];
  readonly testReleases: readonly Float32Array[];
}

export async function evaluate({ parties, labels, top }: Evaluated): Promise<Evaluation> {
  const ofAll = (split: SplitName): Promise<Float32Array[]> =>
    Promise.all(parties.map((party) => releaseAll(party, split, labels[split].length)));
  const trainReleases = await ofAll("train");
  const testReleases = await ofAll("test");
  return { scores: await top.predict(testReleases), trainReleases, testReleases };
}

export function epochFigures(
  epoch: number,
  loss: number,
  { scores, trainReleases, testReleases }: Evaluation,
  { labels, codes, bits }: Evaluated,
): EpochFigures {
  const shares = trainReleases.map((releases) => positiveShares(releases, bits));
  const all = shares.flat();
  const codeBook = Float32Array.from(codes.flatMap((code) => [...code]));
  const pairs = testReleases.flatMap((a, i) => testReleases.slice(i + 1).map((b) => meanCosine(a, b, bits)));
  return {
    epoch,
    loss,
    accuracy: accuracyOf(scores, labels.test),
    auc: areaOf(scores, labels.test),
    balance: {
      min: Math.min(...all),
      max: Math.max(...all),
      balanced: all.filter((share) => share >= BALANCED.min && share <= BALANCED.max).length / all.length,
      shares,
    },
    consistency: {
      withClassCode: mean(
        testReleases.map((releases) => meanCosine(releases, codeBook, bits, (row) => labels.test[row]!)),
      ),
      betweenParties: pairs.length === 0 ? null : mean(pairs),
    },
  };
}

/** What a party releases for all rows of a split, by running statistics; shape [rows, bits]. */
export async function releaseAll(party: TrainingParty, split: SplitName, rows: number): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
    const indices = Uint32Array.from({ length: Math.min(ROWS_AT_ONCE, rows - from) }, (_, i) => from + i);
    parts.push(await party.forward(split, indices, false));
  }
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
