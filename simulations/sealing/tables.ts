import { type Leakage, NEIGHBOURS, NEIGHBOURS_WIDE } from "./leakage.ts";
import type { TuneResult } from "./tune.ts";
import { plainTable } from "../plain-table.ts";
import { epsilonName, share, short } from "./words.ts";

/** What answers are worth: a row for each beta and epsilon. */
export function gridTable({ betas }: TuneResult): string {
  const table = plainTable([
    "beta",
    "epsilon",
    "noise /\nquestion",
    "k'",
    "recall@10\nre-ranked",
    "nDCG@10\nre-ranked",
    "recall@10\nhost's order",
    "nDCG@10\nhost's order",
    "same question\nrecognised",
  ]);
  for (const { beta, cells } of betas)
    for (const { epsilon, noiseLength, candidates, isCapped, host, reranked, linking } of cells)
      table.push([
        short(beta),
        epsilonName(epsilon),
        short(noiseLength),
        `${candidates}${isCapped ? " (cut)" : ""}`,
        reranked.recallAt10.toFixed(3),
        reranked.ndcgAt10.toFixed(3),
        host.recallAt10.toFixed(3),
        host.ndcgAt10.toFixed(3),
        share(linking),
      ]);
  return table.toString();
}

/** What stored rows show at each beta. */
export function leakageTable({ betas, openLeakage, rows }: TuneResult): string {
  const table = plainTable([
    "beta",
    "order of\ndistances",
    "10 nearest\nneighbours",
    "of them in\n100 nearest",
    "clusters",
    "error of\nguessed s",
    "k' in\ndouble",
  ]);
  const cells = ({
    rankCorrelation,
    neighbourOverlap,
    neighboursInHundred,
    clusterRecovery,
    scaleError,
  }: Leakage): string[] => [
    share(rankCorrelation),
    share(neighbourOverlap),
    share(neighboursInHundred),
    share(clusterRecovery),
    `${(100 * scaleError).toFixed(3)} %`,
  ];
  table.push(["in the open", ...cells(openLeakage), ""]);
  for (const { beta, leakage, doubleCandidates } of betas)
    table.push([short(beta), ...cells(leakage), String(doubleCandidates)]);
  table.push(["guessing", ".00", share(NEIGHBOURS / rows), share(Math.min(1, NEIGHBOURS_WIDE / rows)), ".00", "", ""]);
  return table.toString();
}
