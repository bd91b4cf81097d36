import type { AttackResult, Finding } from "../attack.ts";
import { percent } from "../percent.ts";

/** Means over questions: shares of coordinates recovered, and cosines. */
export interface CachedResults {
  readonly questions: number;
  readonly literal: number;
  readonly literalOneKnown: number;
  readonly overNoise: readonly {
    readonly deviation: number;
    readonly secondPart: number;
    readonly sumOfParts: number;
  }[];
  readonly ours: number;
  readonly oursDifference: number;
  readonly usedTwice: number;
  readonly secondEncryptions: number;
}

const SHARE = "share of coordinates recovered";
const COSINE = "cosine of the recovered difference of two questions";
/** Half of an embedding: beyond it, candidates are told apart. Whoever guesses has none to within a hundredth modulo q. */
const SHARE_THRESHOLD = 0.5;
/** Far above what random directions have (1 / sqrt(d), 0.13 at 64 dimensions, before the mean is taken), far below what gives the topic away. */
const COSINE_THRESHOLD = 0.3;

export function reportCached(results: CachedResults): AttackResult {
  const { literal, literalOneKnown, overNoise, ours, oursDifference, usedTwice, secondEncryptions } = results;
  const withNoise = overNoise.at(-1)!;
  const common = { mode: "private", direction: "above" } as const;
  const share = { ...common, metric: SHARE, guessing: 0, threshold: SHARE_THRESHOLD };
  const difference = { ...common, metric: COSINE, guessing: 0, threshold: COSINE_THRESHOLD };
  const notOurs = { baseline: 1, baselineIs: "clear mode", comparison: true } as const;
  const findings: Finding[] = [
    { ...share, setting: "ours: single-use keys", value: ours, baseline: literal, baselineIs: "literal FRAG" },
    {
      ...difference,
      setting: "ours: single-use keys",
      value: oursDifference,
      baseline: usedTwice,
      baselineIs: "one key used twice",
    },
    {
      ...common,
      setting: "ours: single-use keys",
      metric: "second encryptions under one key that were performed, share",
      value: secondEncryptions,
      baseline: 1,
      baselineIs: "a construction of the attack's own, without the check",
      guessing: 0,
      threshold: 0.01,
      note: "QueryKey: KEY_USED",
    },
    { ...difference, setting: "ours, key used twice", value: usedTwice, ...notOurs, note: "the product refuses" },
    { ...share, setting: "literal FRAG, cached ciphertext known", value: literal, ...notOurs },
    { ...share, setting: "literal FRAG, one question known", value: literalOneKnown, ...notOurs },
    {
      ...share,
      setting: `literal FRAG, noise of deviation ${String(withNoise.deviation)}`,
      value: withNoise.sumOfParts,
      ...notOurs,
    },
  ];
  return { findings, charts: [chartOf(results)], words: wordsOf(results) };
}

function chartOf({ overNoise, ours }: CachedResults): NonNullable<AttackResult["charts"]>[number] {
  const line = (
    name: string,
    value: (at: CachedResults["overNoise"][number]) => number,
  ): { name: string; points: [number, number][] } => ({
    name,
    points: overNoise.map((at) => [at.deviation, value(at)]),
  });
  return {
    title: "What division by the cached ciphertext recovers",
    x: { title: "deviation of the scheme's noise", log: true },
    y: { title: SHARE, domain: [0, 1] },
    lines: [
      line("literal FRAG, second part divided", ({ secondPart }) => secondPart),
      line("literal FRAG, sum of parts divided", ({ sumOfParts }) => sumOfParts),
      line("ours (deviation 3.2)", () => ours),
    ],
    marks: [{ x: 0.1, label: "as published" }],
  };
}

function wordsOf(results: CachedResults): string[] {
  const { questions, literal, literalOneKnown, overNoise, ours, oursDifference, usedTwice } = results;
  const largest = overNoise.at(-1)!;
  const shown = overNoise.filter(({ secondPart }) => secondPart < SHARE_THRESHOLD).length > 0;
  return [
    `Multiplicative caching as FRAG's authors published it is no encryption against whoever holds the cached ciphertext: one division gives ${percent(literal)} of an embedding's coordinates, and one known question stands in for the cached ciphertext (${percent(literalOneKnown)}). ${shown ? `More noise stops the simple division, but it is added to one part and taken from the other, so it cancels in their sum: at deviation ${String(largest.deviation)} the sum still gives ${percent(largest.sumOfParts)}.` : ""}`.trim(),
    ours < SHARE_THRESHOLD && Math.abs(oursDifference) < COSINE_THRESHOLD
      ? `The same against Sotto's prepared keys recovers nothing from ${String(questions)} questions (${percent(ours)} of coordinates; cosine ${oursDifference.toFixed(2)} of differences): a key serves one question, so nothing that was sent is used again.`
      : `The same against Sotto's prepared keys recovers ${percent(ours)} of coordinates and differences to a cosine of ${oursDifference.toFixed(2)}. That must not be; please report it.`,
    `That rests on using a key once. Two questions under one key would show their difference (cosine ${usedTwice.toFixed(2)}); the class that ships refuses the second.`,
  ];
}
