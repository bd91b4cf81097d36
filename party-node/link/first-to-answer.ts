import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../crypto/index.ts";

/** A coordinator that has answered. */
export interface Answered {
  /** Whether it reaches all that it should. */
  readonly isComplete: boolean;
  readonly close: () => void;
}

export interface FirstToAnswerOptions<Answer extends Answered> {
  /** In order of preference, at least one. */
  readonly urls: readonly string[];
  /** Ends soon after its signal. @throws Fault. */
  readonly open: (url: string, signal: AbortSignal) => Promise<Answer>;
  /** How long one is waited for before the next is tried as well. */
  readonly hedgeMs: number;
}

/**
 * Tries addresses as RFC 8305 does ("happy eyeballs"): the next one when the one before has failed or has not answered in time, without giving that one up. The
 * first complete answer is taken; where all have had their time and none is complete, the most preferred of those that came. Whoever loses is closed.
 *
 * @throws Fault when all have failed: that of the most preferred, with a message that says of each what is wrong.
 */
export async function firstToAnswer<Answer extends Answered>(options: FirstToAnswerOptions<Answer>): Promise<Answer> {
  return await new Contest(options).run();
}

class Contest<Answer extends Answered> {
  readonly #options: FirstToAnswerOptions<Answer>;
  readonly #answers = new Map<number, Answer>();
  readonly #failures = new Map<number, Fault>();
  readonly #result = Promise.withResolvers<Answer>();
  readonly #over = new AbortController();
  #allHadTime = false;

  constructor(options: FirstToAnswerOptions<Answer>) {
    this.#options = options;
  }

  async run(): Promise<Answer> {
    void this.#tryAll();
    try {
      const best = await this.#result.promise;
      this.#answers.forEach((answer) => {
        if (answer !== best) answer.close();
      });
      return best;
    } finally {
      this.#over.abort();
    }
  }

  async #tryAll(): Promise<void> {
    const { urls, hedgeMs } = this.#options;
    for (let i = 0; i < urls.length && !this.#isOver; i++)
      await Promise.race([
        this.#try(i),
        sleep(hedgeMs, undefined, { signal: this.#over.signal }).catch(() => undefined),
      ]);
    this.#allHadTime = true;
    this.#judge();
  }

  async #try(i: number): Promise<void> {
    try {
      const answer = await this.#options.open(this.#options.urls[i]!, this.#over.signal);
      if (this.#isOver) answer.close();
      else this.#answers.set(i, answer);
    } catch (error) {
      if (error instanceof Fault) this.#failures.set(i, error);
      else this.#result.reject(error);
    }
    this.#judge();
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  #judge(): void {
    const { urls } = this.#options;
    const answers = [...this.#answers].sort(([a], [b]) => a - b).map(([, answer]) => answer);
    const best = answers.find(({ isComplete }) => isComplete) ?? (this.#allHadTime ? answers[0] : undefined);
    if (best) this.#result.resolve(best);
    else if (this.#failures.size === urls.length) this.#result.reject(this.#noneAnswered());
  }

  #noneAnswered(): Fault {
    const failures = [...this.#failures].sort(([a], [b]) => a - b).map(([, failure]) => failure);
    const [first, ...others] = failures;
    if (!first || others.length === 0)
      return first ?? new Fault("CONNECTION_REFUSED", "there is no coordinator to reach");
    const reasons = failures.map(({ message }) => message).join("; ");
    return new Fault(first.code, `none of ${String(failures.length)} coordinators can be reached: ${reasons}`, first);
  }
}
