import { NEIGHBOURS, NEIGHBOURS_WIDE } from "./leakage.ts";
import { type Choice, HIDDEN, type Recommendation } from "./recommendation.ts";
import type { TuneResult } from "./tune.ts";

/** Two decimals, without the zero in front. */
export const share = (value: number): string =>
  value
    .toFixed(2)
    .replace(/^-?0\.00$/, ".00")
    .replace(/^(-?)0\./, "$1.");
/** At most three digits. */
export const short = (value: number): string => String(Number(value.toPrecision(3)));
export const epsilonName = (epsilon: number | null): string => (epsilon === null ? "none" : short(epsilon));

/** What the measurement recommends and what remains visible, a paragraph each. */
export function inWords(result: TuneResult, recommendation: Recommendation, recallLossMax: number): string[] {
  return [
    ...recommended(result, recommendation, recallLossMax),
    ...remains(result, recommendation),
    geometry(result, recommendation, recallLossMax),
  ];
}

function recommended(
  { clearNdcgAt10 }: TuneResult,
  { best, byEpsilon }: Recommendation,
  recallLossMax: number,
): string[] {
  const tolerated = `${short(100 * recallLossMax)} % of the exact top ten`;
  if (best === null)
    return [
      `Recommended: nothing. No beta of this grid loses at most ${tolerated}; try smaller ones, or --candidates-max.`,
    ];
  const { beta, cell } = best;
  const others = byEpsilon
    .map((its) => `${epsilonName(its.epsilon)}: ${its.beta === null ? "no beta" : short(its.beta)}`)
    .join(", ");
  return [
    `Recommended: beta ${short(beta)} with epsilon ${epsilonName(cell.epsilon)}, the largest that loses at most ${tolerated}. The host returns ${cell.candidates} candidates for a top ten; re-ranked they hold ${cell.reranked.recallAt10.toFixed(3)} of it and nDCG@10 is ${cell.reranked.ndcgAt10.toFixed(3)} (${clearNdcgAt10.toFixed(3)} in the open).`,
    `To use them: ${createCommand(best)}`,
    `Largest beta for each epsilon: ${others}.`,
  ];
}

function createCommand({ beta, cell: { epsilon } }: Choice): string {
  const perturbed = epsilon === null ? "" : ` --epsilon ${String(epsilon)}`;
  return `sotto collection create NAME --mode outsourced --host HOST --beta ${String(beta)}${perturbed}`;
}

function remains({ rows, openLeakage }: TuneResult, { best }: Recommendation): string[] {
  if (best === null) return [];
  const { leakage, cell, beta } = best;
  return [
    `At beta ${short(beta)} the host still sees: ${share(leakage.neighbourOverlap)} of each row's ten nearest rows (guessing: ${share(NEIGHBOURS / rows)}), ${share(leakage.neighboursInHundred)} of them among its hundred nearest (guessing: ${share(Math.min(1, NEIGHBOURS_WIDE / rows))}); the order of distances between rows, correlation ${share(leakage.rankCorrelation)}; clusters, adjusted Rand index ${share(leakage.clusterRecovery)} (two runs in the open agree by ${share(openLeakage.clusterRecovery)}); the scale s, to ${(100 * leakage.scaleError).toFixed(2)} %; for every question the rows near it, ${share(cell.host.recallAt10)} of its top ten among its own first ten; and whether two questions are the same, with probability ${share(cell.linking)} (guessing: .50).`,
  ];
}

function geometry(
  { betas, openLeakage }: TuneResult,
  { best, hiddenFrom }: Recommendation,
  recallLossMax: number,
): string {
  const hidden = `hidden (a tenth or less of what rows in the open show: neighbours ${share(HIDDEN * openLeakage.neighbourOverlap)}, correlation ${share(HIDDEN * openLeakage.rankCorrelation)}, clusters ${share(HIDDEN * openLeakage.clusterRecovery)})`;
  if (hiddenFrom && best && hiddenFrom.beta <= best.beta)
    return `From beta ${short(hiddenFrom.beta)} on the geometry of the rows is ${hidden}.`;
  const only = hiddenFrom
    ? `It is ${hidden} from beta ${short(hiddenFrom.beta)} on, where at best ${share(bestRecall(hiddenFrom))} of the exact top ten is left.`
    : `No beta up to ${short(betas.at(-1)?.beta ?? 0)} has it ${hidden}.`;
  return `No beta of this grid hides the geometry of the rows before more than ${short(100 * recallLossMax)} % of the answers is lost. ${only}`;
}

function bestRecall({ cells }: TuneResult["betas"][number]): number {
  return Math.max(...cells.map(({ reranked }) => reranked.recallAt10));
}
