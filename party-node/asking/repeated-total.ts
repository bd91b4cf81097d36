import type { Asker, Fault } from "../../crypto/index.ts";
import { Attempts, isLost, mayPass } from "./attempts.ts";
import type { PartyFault } from "./result.ts";
import type { Candidate } from "./ranking.ts";
import { type TotalOutcome, TotalQuestion, type TotalQuestionOptions } from "./total-question.ts";

/** The question of a vertical federation, asked again as a {@link RepeatedQuestion} is: always of all parties, for what some of them have answered is no total. */
export class RepeatedTotal {
  readonly #asker: Asker;
  readonly #embedding: Float32Array;
  readonly #options: TotalQuestionOptions;
  /** The latest attempt. */
  #question: TotalQuestion;

  private constructor(asker: Asker, embedding: Float32Array, options: TotalQuestionOptions, first: TotalQuestion) {
    this.#asker = asker;
    this.#embedding = embedding;
    this.#options = options;
    this.#question = first;
  }

  /**
   * Spends one query key, and one for every time it is asked again.
   *
   * @param embedding - Not modified; read until {@link total} has settled.
   * @throws Fault EMBEDDING_INVALID, VERTICAL_INCOMPLETE.
   */
  static async encrypt(asker: Asker, embedding: Float32Array, options: TotalQuestionOptions): Promise<RepeatedTotal> {
    return new RepeatedTotal(asker, embedding, options, await TotalQuestion.encrypt(asker, embedding, options));
  }

  /** As {@link TotalQuestion.total}. @throws Fault ABORTED; CONNECTION_LOST and the like when no attempt is left. */
  async total(): Promise<TotalOutcome> {
    const { link, signal, deadlineMs } = this.#options;
    const attempts = new Attempts({ link, signal, deadlineMs });
    for (let attempt = 1; ;) {
      const { outcome, failure } = await this.#ask();
      const next = failure && (await attempts.next(failure, attempt));
      if (next !== null) {
        attempt = next;
        await this.#renew(attempts.deadlineMs);
      } else if (outcome) {
        return { ...outcome, parties: outcome.parties.map((party) => ({ ...party, attempts: attempt })) };
      } else throw failure;
    }
  }

  /** As {@link TotalQuestion.passages}. */
  passages(best: readonly Candidate[]): ReturnType<TotalQuestion["passages"]> {
    return this.#question.passages(best);
  }

  /** @returns What came of an attempt, and what asking again might mend. */
  async #ask(): Promise<
    | { readonly outcome: TotalOutcome; readonly failure: PartyFault | null }
    | { readonly outcome: null; readonly failure: Fault }
  > {
    try {
      const outcome = await this.#question.total();
      const faults = outcome.parties.flatMap(({ fault }) => fault ?? []);
      return { outcome, failure: faults.find(mayPass) ?? null };
    } catch (error) {
      if (!isLost(error)) throw error;
      return { outcome: null, failure: error };
    }
  }

  async #renew(deadlineMs: number): Promise<void> {
    this.#question = await TotalQuestion.encrypt(this.#asker, this.#embedding, { ...this.#options, deadlineMs });
  }
}
