import { trainingFault } from "./fault.ts";
import type { TrainingSettings } from "./settings.ts";
import type { RunVariant } from "./training-run.ts";

/** Whose features a run is trained on. */
export type RunFeatures = "parties" | "first party" | "all in one place";

export interface PlannedRun extends RunVariant {
  readonly features: RunFeatures;
}

export const BASELINES = [
  "unhashed",
  "centralised",
  "alone",
  "laplace",
  "no-batch-norm",
  "greedy-hash",
  "no-consistency",
] as const;
export type BaselineName = (typeof BASELINES)[number];

/** Weight of the greedy hash penalty, as its authors have it for CIFAR-10 (Su et al., NeurIPS 2018, section 4). */
const GREEDY_PENALTY = 0.1;

/**
 * The run that everything is compared with: only codes leave a party.
 *
 * Floats have no class codes to agree with: baselines that release them are trained without the consistency term.
 */
export function hashedRun({ consistencyWeight }: TrainingSettings): PlannedRun {
  return {
    name: "hashed",
    features: "parties",
    batchNorm: true,
    release: "codes",
    greedyPenalty: 0,
    laplaceEpsilon: null,
    consistencyWeight,
  };
}

/**
 * - `unhashed`: the parties release what the sign would be taken of.
 * - `centralised`: the same with all features in one place.
 * - `alone`: the same with the first party's features only; the run's name has the party's.
 * - `laplace`: Laplace noise on every bit, in training and evaluation.
 * - `no-batch-norm`: neither normalised nor centred before the sign.
 * - `greedy-hash`: |h - sign(h)|^3 (Su et al.) instead of the consistency term.
 * - `no-consistency`: nothing in its place.
 */
export function baselineRun(baseline: BaselineName, settings: TrainingSettings, firstParty: string): PlannedRun {
  const hashed = { ...hashedRun(settings), name: baseline };
  const floats = { ...hashed, release: "floats", consistencyWeight: 0 } as const;
  switch (baseline) {
    case "unhashed":
      return floats;
    case "centralised":
      return { ...floats, features: "all in one place" };
    case "alone":
      return { ...floats, name: `alone-${firstParty}`, features: "first party" };
    case "laplace":
      return { ...hashed, laplaceEpsilon: settings.epsilon };
    case "no-batch-norm":
      return { ...hashed, batchNorm: false };
    case "greedy-hash":
      return { ...hashed, consistencyWeight: 0, greedyPenalty: GREEDY_PENALTY };
    case "no-consistency":
      return { ...hashed, consistencyWeight: 0 };
  }
}

/** @param text - Names with commas between, `all` or `none`. @throws Fault SETTINGS_INVALID. */
export function parseBaselines(text: string): BaselineName[] {
  if (text === "all") return [...BASELINES];
  if (text === "none") return [];
  const names = new Set(text.split(",").map((name) => name.trim()));
  for (const name of names)
    if (!BASELINES.some((baseline) => baseline === name))
      throw trainingFault(
        "SETTINGS_INVALID",
        `there is no baseline ${name}; there are ${BASELINES.join(", ")}, or all, or none`,
      );
  return BASELINES.filter((baseline) => names.has(baseline));
}
