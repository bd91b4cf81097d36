import { type Asker, Fault } from "../../crypto/index.ts";
import { Attempts, isLost } from "./attempts.ts";
import { type Fetched, Question, type QuestionOptions } from "./question.ts";
import type { CitedPassage, PartyFault, PartyOutcome } from "./result.ts";
import { type Candidate, mergeTop } from "./ranking.ts";

/** Parties that will be asked once more, together. */
interface Wave {
  readonly parties: string[];
  /** What the first of them failed with. */
  readonly failure: PartyFault | Fault;
  /** When, by `performance.now()`: the latest that one of them asked for. */
  at: number;
  isOver: boolean;
}

interface Run {
  readonly attempts: Attempts;
  readonly signal: AbortSignal;
  readonly report: (outcome: PartyOutcome) => void;
}

/**
 * A question that is asked again, at most `queryAttemptsMax` times and within its deadline, of parties that were busy and of those whose answers were not in when the
 * connection was lost; of each, what it answered is kept.
 *
 * Every attempt is a {@link Question} of its own under a new query key, for a query key is never used twice, not even for the same question. A party cannot tell the second
 * attempt from a second question, and charges its budget for both if the first had reached it; one that refused with BUSY has charged nothing.
 */
export class RepeatedQuestion {
  readonly #asker: Asker;
  readonly #embedding: Float32Array;
  readonly #options: QuestionOptions;
  readonly #first: Question;
  readonly #questions = new Set<Question>();
  /** Which attempt each party has answered. */
  readonly #answered = new Map<string, Question>();

  private constructor(asker: Asker, embedding: Float32Array, options: QuestionOptions, first: Question) {
    this.#asker = asker;
    this.#embedding = embedding;
    this.#options = options;
    this.#first = first;
  }

  /**
   * Spends one query key, and one for every time it is asked again.
   *
   * @param embedding - Not modified; read until {@link scores} has settled.
   * @throws Fault EMBEDDING_INVALID.
   */
  static async encrypt(asker: Asker, embedding: Float32Array, options: QuestionOptions): Promise<RepeatedQuestion> {
    return new RepeatedQuestion(asker, embedding, options, await Question.encrypt(asker, embedding, options));
  }

  /** The best rows of the parties that have answered so far, at most k of each, best first. */
  get best(): readonly Candidate[] {
    const { k, kept = k } = this.#options;
    return [...this.#questions].reduce<Candidate[]>((best, question) => mergeTop(kept, best, question.best), []);
  }

  /**
   * Sends the query and reports what became of each party as it is known; settles when all are accounted for, or soon after the deadline.
   *
   * @throws Fault ABORTED; CONNECTION_LOST and the like when no attempt is left.
   */
  async scores(report: (outcome: PartyOutcome) => void, signal: AbortSignal | undefined): Promise<void> {
    const over = new AbortController();
    const within = AbortSignal.any(signal ? [over.signal, signal] : [over.signal]);
    const { link, deadlineMs } = this.#options;
    const run = { attempts: new Attempts({ link, deadlineMs, signal: within }), signal: within, report };
    try {
      await this.#ask(this.#first, this.#options.parties, 1, run);
    } finally {
      over.abort();
    }
  }

  /** As {@link Question.passages}: each party's from the attempt that it has answered. */
  async passages(
    answered: readonly string[],
    best: readonly Candidate[],
    signal: AbortSignal | undefined,
  ): Promise<Fetched> {
    const fetched = await Promise.all(
      [...this.#questions].map((question) => {
        const parties = answered.filter((party) => this.#answered.get(party) === question);
        return question.passages(
          parties,
          best.filter(({ party }) => parties.includes(party)),
          signal,
        );
      }),
    );
    return {
      passages: fetched.flatMap(({ passages }) => passages),
      faults: new Map(fetched.flatMap(({ faults }) => [...faults])),
      asked: new Map(fetched.flatMap(({ asked }) => [...asked])),
    };
  }

  /** As {@link Question.accuse}, of the attempt that the passage's party has answered. */
  accuse(passage: CitedPassage, question: Float32Array): string | null {
    return this.#answered.get(passage.party)?.accuse(passage, question) ?? null;
  }

  /** Wipes the secrets of every attempt. */
  dispose(): void {
    for (const question of this.#questions.add(this.#first)) question.dispose();
  }

  async #ask(question: Question, parties: readonly string[], attempt: number, run: Run): Promise<void> {
    this.#questions.add(question);
    const left = new Set(parties);
    const waves: Promise<void>[] = [];
    let wave: Wave | null = null;
    const again = (party: string, failure: PartyFault | Fault, pauseMs: number): void => {
      const at = performance.now() + pauseMs;
      if (!wave || wave.isOver) {
        wave = { parties: [], failure, at, isOver: false };
        waves.push(this.#askAgain(wave, attempt + 1, run));
        // It is awaited below; until then nobody else does.
        waves.at(-1)?.catch(() => undefined);
      }
      wave.parties.push(party);
      wave.at = Math.max(wave.at, at);
    };
    try {
      for await (const outcome of question.scores(run.signal)) {
        const { party, status, fault } = outcome;
        left.delete(party);
        const pauseMs = fault ? run.attempts.pauseAfter(fault, attempt) : null;
        if (status === "answered") this.#answered.set(party, question);
        if (fault && pauseMs !== null) again(party, fault, pauseMs);
        else run.report({ ...outcome, attempts: attempt });
      }
    } catch (error) {
      const pauseMs = isLost(error) ? run.attempts.pauseAfter(error, attempt) : null;
      if (!isLost(error) || pauseMs === null) throw error;
      for (const party of left) again(party, error, pauseMs);
    }
    await Promise.all(waves);
  }

  /** @throws Fault of the wave, when there is no connection any more. */
  async #askAgain(wave: Wave, attempt: number, run: Run): Promise<void> {
    const { parties, failure } = wave;
    try {
      // More parties may join, and want more time.
      for (let at = 0; at < wave.at;) await run.attempts.reconnect((at = wave.at));
      wave.isOver = true;
    } catch (error) {
      if (!isLost(error)) throw error;
      const pauseMs = run.attempts.pauseAfter(error, attempt);
      if (pauseMs === null) throw failure instanceof Fault ? failure : error;
      wave.at = performance.now() + pauseMs;
      await this.#askAgain(wave, attempt + 1, run);
      return;
    }
    const { deadlineMs } = run.attempts;
    const question = await Question.encrypt(this.#asker, this.#embedding, { ...this.#options, parties, deadlineMs });
    await this.#ask(question, parties, attempt, run);
  }
}
