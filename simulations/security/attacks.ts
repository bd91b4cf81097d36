import type { Attack } from "./attack.ts";
import type { Effort } from "./settings.ts";

export interface AttackEntry {
  /** About how long it takes on one core, for the time left and the order of work. */
  readonly seconds: Readonly<Record<Effort, number>>;
  /** An attack is loaded by the process that runs it. */
  readonly load: () => Promise<Attack>;
}

/** Every attack by its name, in the order of the report. */
export const ATTACKS: Readonly<Record<string, AttackEntry>> = {
  "stolen-disk": {
    seconds: { quick: 3, standard: 12, full: 60 },
    load: async () => (await import("./disk/stolen-disk.ts")).stolenDisk,
  },
  "question-probe": {
    seconds: { quick: 6, standard: 25, full: 200 },
    load: async () => (await import("./parties/question-probe.ts")).questionProbe,
  },
  "vector-analysis": {
    seconds: { quick: 8, standard: 120, full: 1200 },
    load: async () => (await import("./host/vector-analysis.ts")).vectorAnalysis,
  },
  "query-analysis": {
    seconds: { quick: 7, standard: 80, full: 800 },
    load: async () => (await import("./host/query-analysis.ts")).queryAnalysis,
  },
  typos: {
    seconds: { quick: 6, standard: 60, full: 600 },
    load: async () => (await import("./robustness/typos.ts")).typos,
  },
  "candidate-ranking": {
    seconds: { quick: 12, standard: 120, full: 1200 },
    load: async () => (await import("./host/candidate-ranking.ts")).candidateRanking,
  },
  "bag-of-words": {
    seconds: { quick: 10, standard: 90, full: 900 },
    load: async () => (await import("./host/bag-of-words.ts")).bagOfWords,
  },
  "known-pairs": {
    seconds: { quick: 7, standard: 30, full: 200 },
    load: async () => (await import("./host/known-pairs.ts")).knownPairs,
  },
  "code-reconstruction": {
    seconds: { quick: 8, standard: 100, full: 1000 },
    load: async () => (await import("./training/code-reconstruction.ts")).codeReconstruction,
  },
  "label-leakage": {
    seconds: { quick: 6, standard: 100, full: 1000 },
    load: async () => (await import("./training/label-leakage.ts")).labelLeakage,
  },
  "adversarial-inputs": {
    seconds: { quick: 5, standard: 100, full: 1000 },
    load: async () => (await import("./training/adversarial-inputs.ts")).adversarialInputs,
  },
  distinguishing: {
    seconds: { quick: 20, standard: 50, full: 400 },
    load: async () => (await import("./ciphertexts/distinguishing.ts")).distinguishing,
  },
  "cached-encryption": {
    seconds: { quick: 3, standard: 8, full: 30 },
    load: async () => (await import("./ciphertexts/cached-encryption.ts")).cachedEncryption,
  },
  "hint-difference": {
    seconds: { quick: 5, standard: 12, full: 25 },
    load: async () => (await import("./ciphertexts/hint-difference.ts")).hintDifference,
  },
  "active-attacks": {
    seconds: { quick: 7, standard: 10, full: 10 },
    load: async () => (await import("./wire/active-attacks.ts")).activeAttacks,
  },
  extraction: {
    seconds: { quick: 12, standard: 120, full: 1500 },
    load: async () => (await import("./querier/extraction.ts")).extraction,
  },
  transcripts: {
    seconds: { quick: 11, standard: 70, full: 700 },
    load: async () => (await import("./wire/transcripts.ts")).transcripts,
  },
  "corpus-poisoning": {
    seconds: { quick: 9, standard: 65, full: 1500 },
    load: async () => (await import("./poisoning/corpus-poisoning.ts")).corpusPoisoning,
  },
  "grammar-trigger": {
    seconds: { quick: 5, standard: 45, full: 500 },
    load: async () => (await import("./poisoning/grammar-trigger.ts")).grammarTrigger,
  },
};
