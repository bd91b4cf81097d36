import { Lab } from "../../simulations/security/lab.ts";
import { DEFAULTS, type EvaluationSettings } from "../../simulations/security/settings.ts";

/** A lab over the demo's corpora, which are part of the project, with the lexical encoder; close it with `await using`. */
export function toyLab(attack: string, settings: Partial<EvaluationSettings> = {}): Lab {
  return new Lab({
    settings: {
      ...DEFAULTS,
      effort: "quick",
      dataFolder: null,
      corpus: null,
      encoders: ["lexical:256"],
      queryBudget: null,
      ...settings,
    },
    attack,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}
