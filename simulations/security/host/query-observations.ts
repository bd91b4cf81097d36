import { STORED_SHARE, liftedNorm, ringLayout, scoreStandardDeviation } from "../../../crypto/index.ts";
import { type Matrix, nearest } from "../../sealing/matrix.ts";
import { neighbourOverlap } from "../../sealing/statistics.ts";
import type { Lab } from "../lab.ts";
import { type Asking, HostView } from "./asked-questions.ts";
import { averagingErrors } from "./averaging.ts";
import { type Links, bestLinks, likenesses, measureLinks, sharedRows } from "./question-links.ts";
import { type Topics, accuracy, guessTopics } from "./question-topics.ts";

/** What a host does with questions under one beta and one length of DistanceDP's noise. */
export interface Observed {
  readonly ciphertexts: Links;
  /** From which rows were returned alone. */
  readonly rows: Links;
  /** Share of questions whose topic is named from those rows. */
  readonly topic: number;
  /** Rows a question returns, k'. */
  readonly candidates: number;
  /** Share of a question's true first k rows among them. */
  readonly recall: number;
}

/** Rounding of the chunk to what a dimension takes moves the scores' error by a third at most. */
const CHUNK = 32;

/** Every question asked twice. */
export async function observe(
  lab: Lab,
  asking: Asking,
  topics: Topics,
  view: HostView,
  noise: number,
): Promise<Observed> {
  const { signal } = lab;
  const [asked, again] = [view.ask(asking.questions, noise), view.ask(asking.questions, noise)];
  await lab.pause();
  const rounds = { asked, again, stored: view.stored, noiseVariance: view.noiseVariance(noise) };
  const ciphertexts = bestLinks(likenesses(rounds).map((likeness) => measureLinks(likeness, asking.mostAlike)));
  await lab.pause();
  const [returned = [], returnedAgain = []] = await view.returned([asked, again], noise, signal);
  return {
    ciphertexts,
    rows: measureLinks(sharedRows(returned, returnedAgain), asking.mostAlike),
    topic: accuracy(guessTopics(topics, { stored: view.stored, rows: returned, inOrder: true })),
    candidates: returned[0]!.length,
    recall: await recallOf(asking, returned, signal),
  };
}

/** The same of `double`, where a question's ciphertext shows nothing and rows are fetched. */
export async function observeDouble(
  lab: Lab,
  asking: Asking,
  topics: Topics,
  view: HostView,
): Promise<Omit<Observed, "ciphertexts">> {
  const { signal, random, settings } = lab;
  const { normMax } = asking;
  const layout = ringLayout({
    dim: view.stored.width,
    chunk: CHUNK,
    normMax: liftedNorm(normMax) + STORED_SHARE * settings.beta * normMax,
    scoreBits: settings.scoreBits,
    seed: new Uint8Array(32),
  });
  const deviation = scoreStandardDeviation(layout);
  const fetched = view.fetched(deviation, random);
  const again = view.fetched(deviation, random);
  return {
    rows: measureLinks(sharedRows(fetched, again), asking.mostAlike),
    topic: accuracy(guessTopics(topics, { stored: view.stored, rows: fetched, inOrder: false })),
    candidates: fetched[0]!.length,
    recall: await recallOf(asking, fetched, signal),
  };
}

/** The same on vectors in the open, where a question returns its k best rows. */
export async function observeOpen(lab: Lab, asking: Asking, topics: Topics): Promise<Observed> {
  const { signal } = lab;
  const { questions, rows } = asking;
  const rounds = { asked: questions, again: questions, stored: rows, noiseVariance: 0 };
  const best = await bestRows(asking, signal);
  return {
    ciphertexts: bestLinks(likenesses(rounds).map((likeness) => measureLinks(likeness, asking.mostAlike))),
    rows: measureLinks(sharedRows(best, best), asking.mostAlike),
    topic: accuracy(guessTopics(topics, { stored: rows, rows: best, inOrder: true })),
    candidates: best[0]!.length,
    recall: 1,
  };
}

/** The true first k rows of every question. */
export async function bestRows(
  { rows, questions, k }: Asking,
  signal: AbortSignal,
): Promise<readonly (readonly number[])[]> {
  return (await nearest(rows, questions, { count: k, by: "innerProduct", signal })).rows;
}

async function recallOf(asking: Asking, found: readonly (readonly number[])[], signal: AbortSignal): Promise<number> {
  return neighbourOverlap(await bestRows(asking, signal), found);
}

/** Of averaged ciphertexts of these questions, {@link averagingErrors}. */
export function observeAverages(
  lab: Lab,
  view: HostView,
  {
    questions,
    noise,
    counts,
  }: { readonly questions: Matrix; readonly noise: number; readonly counts: readonly number[] },
): Promise<ReadonlyMap<number, readonly number[]>> {
  return averagingErrors(
    () => view.ask(questions, noise),
    view.withoutNoise(questions),
    counts,
    () => lab.pause(),
  );
}
