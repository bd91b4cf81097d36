import type { Cell } from "./cell.ts";
import type { Leakage } from "./leakage.ts";
import type { BetaResult, TuneResult } from "./tune.ts";

/** A cell of the grid with its beta. */
export interface Choice {
  /** A share of normMax. */
  readonly beta: number;
  readonly cell: Cell;
  readonly leakage: Leakage;
}

export interface Recommendation {
  /** The largest beta whose answers survive, with the smallest epsilon at which they do; null when no cell of the grid is good enough. */
  readonly best: Choice | null;
  /** For each epsilon, the largest beta whose answers survive, or null. */
  readonly byEpsilon: readonly { readonly epsilon: number | null; readonly beta: number | null }[];
  /** The smallest beta at which the rows' geometry is hidden ({@link isHidden}), or null. */
  readonly hiddenFrom: BetaResult | null;
}

/** Left of what rows in the open show: with no more than this, geometry counts as hidden. */
export const HIDDEN = 0.1;

/** Whether an attacker has at most a tenth of what rows in the open show, of distances, neighbours and clusters alike. */
export function isHidden(leakage: Leakage, open: Leakage): boolean {
  return (["rankCorrelation", "neighbourOverlap", "clusterRecovery"] as const).every(
    (measure) => leakage[measure] <= HIDDEN * open[measure],
  );
}

/**
 * Answers survive where the rule for k' is not cut short and the loss measured is tolerated.
 *
 * @param recallLossMax - Tolerated share of the exact top ten that is missing after re-ranking.
 */
export function recommend({ betas, openLeakage }: TuneResult, recallLossMax: number): Recommendation {
  const tolerated = betas.flatMap(({ beta, leakage, cells }) =>
    cells
      .filter(({ isCapped, reranked }) => !isCapped && 1 - reranked.recallAt10 <= recallLossMax)
      .map((cell): Choice => ({ beta, cell, leakage })),
  );
  const privacy = ({ cell }: Choice): number => cell.epsilon ?? Infinity;
  const best = tolerated.toSorted((a, b) => b.beta - a.beta || privacy(a) - privacy(b))[0] ?? null;
  const epsilons = betas[0]?.cells.map(({ epsilon }) => epsilon) ?? [];
  const byEpsilon = epsilons.map((epsilon) => {
    const its = tolerated.filter(({ cell }) => cell.epsilon === epsilon).map(({ beta }) => beta);
    return { epsilon, beta: its.length === 0 ? null : Math.max(...its) };
  });
  return { best, byEpsilon, hiddenFrom: betas.find(({ leakage }) => isHidden(leakage, openLeakage)) ?? null };
}
