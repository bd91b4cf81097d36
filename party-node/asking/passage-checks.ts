import { Fault, type RingLayout, scoreErrorMax } from "../../crypto/index.ts";
import { encoderInput } from "../documents/index.ts";
import type { Encoder } from "../encoders/index.ts";
import type { CitedPassage, PartyFault, PartyOutcome, Suspicion } from "./result.ts";
import { isWordSalad } from "./word-salad.ts";

/** SCORE_INFLATED: a party's passages do not earn the scores it sent. */
export type PassageFaultCode = "SCORE_INFLATED";

export interface CheckOptions {
  /** Whether passages whose score is too high are shown and marked; otherwise they are left out. */
  readonly keepInflated: boolean;
  /** Whether passages without sentences are left out; otherwise they are shown and marked. */
  readonly dropSuspects: boolean;
}

/** What came of a question's passages. */
export interface CheckedPassages {
  readonly passages: CitedPassage[];
  /** Whose passages' scores were too high; by {@link sourceOf}. */
  readonly faults: ReadonlyMap<string, PartyFault>;
  /** Those whose score was too high, as they were given. */
  readonly inflated: readonly CitedPassage[];
}

/**
 * Holds fetched passages against the scores that were sent for them. The scores were found among thousands, blindly; the text of the few that were fetched is
 * encoded here once more.
 *
 * @param question - As it was asked, shape [dim]; not modified.
 * @param layout - Of the scoring, whose rounding and noise an honest score is off by.
 */
export async function checkPassages(
  passages: readonly CitedPassage[],
  question: Float32Array,
  { encoder, layout, ...options }: CheckOptions & { readonly encoder: Encoder; readonly layout: RingLayout },
): Promise<CheckedPassages> {
  if (passages.length === 0) return { passages: [], faults: new Map(), inflated: [] };
  const earned = await encoder.scoreMax(question, passages.map(encoderInput));
  const slack = scoreErrorMax(layout);
  const inflated: CitedPassage[] = [];
  const kept = passages.flatMap((passage, i): CitedPassage[] => {
    const suspect: Suspicion[] = [];
    if (!(passage.score <= earned[i]! + slack)) suspect.push("score-too-high");
    if (isWordSalad(encoderInput(passage))) suspect.push("no-sentences");
    if (suspect.length === 0) return [passage];
    const isInflated = suspect[0] === "score-too-high";
    if (isInflated) inflated.push(passage);
    const isDropped = isInflated ? !options.keepInflated : options.dropSuspects;
    return isDropped ? [] : [{ ...passage, suspect }];
  });
  const faults = new Map(
    [...Map.groupBy(inflated, sourceOf)].map(([source, of]) => [source, inflatedFault(of.length, options)]),
  );
  return { passages: kept, faults, inflated };
}

/** A party, or a party with the name of a hosted collection of it. */
export function sourceOf({ party, collection }: Pick<CitedPassage | PartyOutcome, "party" | "collection">): string {
  const name = typeof collection === "object" ? collection.name : collection;
  return name === undefined ? party : `${party}/${name}`;
}

function inflatedFault(count: number, { keepInflated }: CheckOptions): PartyFault {
  const { code, message: reason } = new Fault<PassageFaultCode>(
    "SCORE_INFLATED",
    `${String(count)} of its passages ${count === 1 ? "has" : "have"} words that cannot earn the score it sent; ${keepInflated ? "they are marked" : "they were left out"}`,
  );
  return { code, reason };
}
