import type { Lab } from "../lab.ts";
import type { AskedParty } from "./asked-party.ts";
import { decodeSparse, sparsePriorOf } from "./message-passing.ts";
import { Posterior } from "./posterior.ts";
import type { Questions } from "./questions.ts";
import type { Nearness, Target } from "./target.ts";

export interface CurvePoint extends Nearness {
  readonly asked: number;
}

/** A way to choose questions, and how near it came after how many of them. */
export interface Curve {
  readonly name: string;
  /** By rising number of questions. */
  readonly points: readonly CurvePoint[];
}

/** Asks one question after the other and expects the rows by what came back. @param at - Numbers of questions, rising. */
export async function linearCurve(
  lab: Lab,
  { target, party, questions, at }: { target: Target; party: AskedParty; questions: Questions; at: readonly number[] },
): Promise<CurvePoint[]> {
  const posterior = new Posterior(target.prior, target.vectors.rows, party.scoreDeviation);
  const points: CurvePoint[] = [];
  for (let asked = 0; asked <= questions.length; asked++) {
    if (at.includes(asked)) points.push({ asked, ...target.nearness(posterior.estimates) });
    const question = questions[asked];
    if (question) posterior.observe(question, await party.ask(question));
    await lab.pause();
  }
  return points;
}

/** Asks random questions and decodes each of the first `rows` rows by itself, for vectors most of whose entries are 0. */
export async function sparseCurve(
  lab: Lab,
  {
    target,
    party,
    questions,
    at,
    rows,
  }: { target: Target; party: AskedParty; questions: Questions; at: readonly number[]; rows: number },
): Promise<CurvePoint[]> {
  const { dim } = target.prior;
  const prior = sparsePriorOf(target.attackerVectors);
  const packed = new Float64Array(questions.length * dim);
  questions.forEach((question, i) => {
    packed.set(question, i * dim);
  });
  const scores: Float64Array[] = [];
  for (const question of questions) scores.push(await party.ask(question));
  const points: CurvePoint[] = [];
  for (const asked of at.filter((count) => count > 0 && count <= questions.length)) {
    const estimates = new Float64Array(rows * dim);
    for (let i = 0; i < rows; i++) {
      const own = Float64Array.from(scores.slice(0, asked), (of) => of[i]!);
      estimates.set(decodeSparse(packed.subarray(0, asked * dim), own, prior, party.scoreDeviation), i * dim);
      await lab.pause();
    }
    points.push({ asked, ...target.nearness(estimates) });
  }
  return points;
}

/** The best that any curve has at this number of questions. */
export function bestAt(curves: readonly Curve[], asked: number, of: keyof Nearness): { name: string; value: number } {
  let best = { name: "", value: -Infinity };
  for (const { name, points } of curves)
    for (const point of points) if (point.asked === asked && point[of] > best.value) best = { name, value: point[of] };
  return best;
}
