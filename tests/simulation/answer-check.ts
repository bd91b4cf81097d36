import type { PartyOutcome } from "../../party-node/asking/index.ts";
import { innerProduct } from "../../party-node/encoders/vector.ts";
import { type TruthRow, type Version, rowName } from "./party-history.ts";
import type { Asked } from "./querier-machine.ts";
import { vectorOf } from "./texts.ts";

/** How long a party may serve what its store no longer holds: until it looks again, half a second later, and has encoded what changed. */
const STALE_MS = 800;

export interface AnswerCheckOptions {
  /** What a party held at some moment of this time. */
  readonly versions: (party: string, from: number, to: number) => readonly Version[];
  /** No honest score is further from the exact one. */
  readonly scoreErrorMax: number;
}

/**
 * Holds an answer against a plaintext scan of what the parties that answered held between asking and answering.
 *
 * @returns What is wrong with it, or null.
 */
export function answerFault(asked: Asked, options: AnswerCheckOptions): string | null {
  const { result, askedAt, endedAt } = asked;
  if (!result || endedAt === null) return null;
  const answered = result.parties.filter(({ status }) => status === "answered");
  const choices: Version[][] = [];
  for (const outcome of answered) {
    const versions = options.versions(outcome.party, askedAt - STALE_MS, endedAt);
    const fitting = versions.filter(({ rows }) => rows.size === outcome.passagesScored);
    if (fitting.length === 0)
      return `${outcome.party} scored ${outcome.passagesScored} rows, and held ${versions.map(({ rows }) => rows.size).join(" or ")}`;
    choices.push(fitting);
  }
  let fault: string | null = "nobody answered, and there are passages";
  for (const chosen of combinations(choices)) {
    fault = faultUnder(asked, answered, chosen, options);
    if (fault === null) return null;
  }
  return fault;
}

/** The answer, if the parties had scored these versions. */
function faultUnder(
  { question, result, askedAt, endedAt }: Asked,
  answered: readonly PartyOutcome[],
  chosen: readonly Version[],
  { versions, scoreErrorMax }: AnswerCheckOptions,
): string | null {
  const asked = vectorOf(question.text);
  const truth = new Map<string, { readonly row: TruthRow; readonly score: number }>();
  for (const { rows } of chosen)
    for (const [name, row] of rows) truth.set(name, { row, score: innerProduct(asked, row.vector) });
  const shown = result!.passages.map((passage) => ({ name: rowName(passage), score: passage.score }));
  if (shown.length > question.k) return `${shown.length} passages for k = ${question.k}`;
  if (new Set(shown.map(({ name }) => name)).size < shown.length) return "a passage is shown twice";
  for (const { name, score } of shown) {
    const exact = truth.get(name)?.score;
    if (exact === undefined) return `a passage that was not there: ${name}`;
    if (!(Math.abs(score - exact) <= scoreErrorMax)) return `a score is off by ${Math.abs(score - exact)}`;
  }
  if (shown.some(({ score }, i) => score > (shown[i - 1]?.score ?? Infinity))) return "the order is wrong";
  const scores = [...truth.values()].map(({ score }) => score).sort((a, b) => b - a);
  const names = new Set(shown.map(({ name }) => name));
  const worstShown = Math.min(...shown.map(({ name }) => truth.get(name)!.score));
  const faults = new Map(answered.map(({ party, fault }) => [party, fault]));
  for (const [name, { row, score }] of truth) {
    if (names.has(name)) continue;
    const among = scores.filter((other) => other >= score - 2 * scoreErrorMax).length <= question.k;
    // Of one party no more than k rows are fetched: one behind them takes nobody's place.
    const own = [...truth.values()].filter(
      ({ row: { party }, score: other }) => party === row.party && other >= score - 2 * scoreErrorMax,
    );
    const fetched = own.length <= question.k && score > worstShown + 2 * scoreErrorMax;
    if (!among && !fetched) continue;
    const fault = faults.get(row.party);
    if (!fault) return `a passage of the best is missing, and ${row.party} has no fault: ${name} ${score}`;
    if (fault.code === "PASSAGES_MISSING") {
      const held = versions(row.party, askedAt - STALE_MS, endedAt!);
      if (held.every(({ rows }) => rows.has(name))) return `a passage is missing that was never removed: ${name}`;
    } else if (shown.some(({ name: other }) => other.startsWith(`${row.party}/`)))
      return `${row.party} has the fault ${fault.code}, and some of its passages are shown`;
  }
  return null;
}

function* combinations(choices: readonly (readonly Version[])[]): Generator<readonly Version[]> {
  const [first, ...others] = choices;
  if (!first) {
    yield [];
    return;
  }
  for (const version of first) for (const rest of combinations(others)) yield [version, ...rest];
}
