import type { Advice, AttackResult, Finding } from "../attack.ts";

export type HintMode = "private" | "vertical";

/** Shares of rows that were added. */
export interface DictionaryResult {
  readonly mode: HintMode;
  readonly pool: number;
  readonly targets: number;
  /** The text was found among the pool's. */
  readonly matched: number;
  /** Another text was taken for it. */
  readonly falselyConfirmed: number;
  /** The same with the row's vector in the open. */
  readonly open: number;
}

export interface LatticeResult {
  readonly mode: HintMode;
  readonly dim: number;
  /** Mean of recovered vectors with the true ones. */
  readonly cosine: number;
  /** Share of rows of which every entry was recovered. */
  readonly exact: number;
  /** Mean cosine where hints carry no error. */
  readonly withoutError: number;
}

/** A tenth of the rows named is far beyond guessing from any pool. */
const MATCH_THRESHOLD = 0.1;
/** Vectors this near to the true ones serve text inversion as well as those themselves. */
const COSINE_THRESHOLD = 0.9;
/** Beyond, DESIGN's estimate puts lattice reduction out of ordinary reach. */
const SAFE_DIM = 384;

export function reportHints({
  dictionary,
  lattices,
  dim,
}: {
  readonly dictionary: readonly DictionaryResult[];
  readonly lattices: readonly LatticeResult[];
  /** Of the encoder. */
  readonly dim: number;
}): AttackResult {
  const largest = (mode: HintMode): LatticeResult | undefined => lattices.filter((one) => one.mode === mode).at(-1);
  const solved = (["vertical", "private"] as const).map(largest).filter((one) => one !== undefined);
  const findings: Finding[] = [
    ...dictionary.flatMap(({ mode, pool, matched, falselyConfirmed, open }): Finding[] => [
      {
        mode,
        setting: "a row added, its text among candidates",
        metric: "exact match@1",
        value: matched,
        baseline: open,
        baselineIs: "vectors in the open",
        guessing: 1 / pool,
        threshold: MATCH_THRESHOLD,
        direction: "above",
        note: `${String(pool)} candidates; a wrong one confirmed for ${(100 * falselyConfirmed).toFixed(0)} % of rows`,
      },
    ]),
    ...solved.map((one): Finding => ({
      mode: one.mode,
      setting: `a row added, no candidates, ${String(one.dim)} dimensions`,
      metric: "cosine of recovered vectors",
      value: one.cosine,
      baseline: one.withoutError,
      baselineIs: "hints without error",
      guessing: 0,
      threshold: COSINE_THRESHOLD,
      direction: "above",
      note: `all entries of ${(100 * one.exact).toFixed(0)} % of rows`,
    })),
  ];
  const advice = adviceFor(solved, dim);
  return {
    findings,
    ...(lattices.length > 0 ? { charts: [chartOf(lattices)] } : {}),
    words: wordsOf(dictionary, solved, dim),
    ...(advice.length > 0 ? { advice } : {}),
  };
}

function chartOf(lattices: readonly LatticeResult[]): NonNullable<AttackResult["charts"]>[number] {
  return {
    title: "Rows read from two hints by LLL",
    x: { title: "dimensions" },
    y: { title: "share of rows recovered entirely", domain: [0, 1] },
    lines: (["vertical", "private"] as const).map((mode) => ({
      name: mode,
      points: lattices.filter((one) => one.mode === mode).map((one) => [one.dim, one.exact] as const),
    })),
  };
}

function wordsOf(dictionary: readonly DictionaryResult[], solved: readonly LatticeResult[], dim: number): string[] {
  const matched = Math.max(...dictionary.map((one) => one.matched));
  const broken = solved.filter(({ cosine }) => cosine >= COSINE_THRESHOLD);
  const first = dictionary[0]!;
  const lookedUp =
    matched >= MATCH_THRESHOLD
      ? `When a party adds one row to a block, a querier who has both hints can test texts: of ${String(first.pool)} candidates it named the right one for ${(100 * matched).toFixed(0)} % of rows, and hints confirm a guess beyond doubt. This works in any dimension; it needs the text itself, encoded as its owner encodes it.`
      : `When a party adds one row to a block, a querier who has both hints could still not tell its text among ${String(first.pool)} candidates: its own encoding of the text is not exactly the owner's, whose word counts it does not have. An encoder without such counts does not have this obstacle.`;
  if (solved.length === 0) return [lookedUp];
  const solvedDim = Math.max(...solved.map((one) => one.dim));
  return [
    lookedUp,
    broken.length > 0
      ? `Without any candidate, plain LLL reads the row's vector from two hints in ${String(solvedDim)} dimensions, after seconds of work that serve every row of the federation. The encoder here has ${String(dim)}. In a vertical federation this is more than its scores give a querier; in a horizontal one the scores give it anyway.`
      : `Plain LLL did not read rows from two hints in ${String(solvedDim)} dimensions.`,
  ];
}

function adviceFor(solved: readonly LatticeResult[], dim: number): Advice[] {
  const vertical = solved.find(({ mode, cosine }) => mode === "vertical" && cosine >= COSINE_THRESHOLD);
  if (!vertical || dim >= SAFE_DIM) return [];
  return [
    {
      setting: "--encoder",
      text: `For a vertical federation take an encoder of ${String(SAFE_DIM)} dimensions or more, and ingest rows many at a time: with ${String(dim)} a querier comes within reach of reading a single added row from the hints.`,
    },
  ];
}
