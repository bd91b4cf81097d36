import { percentile } from "../../simulations/metrics.ts";
import type { SoakCorpus } from "./corpus.ts";
import type { EndedQuestion } from "./worker-messages.ts";

/** Counts of questions: each asked one is in exactly one of the others, or still under way. */
export interface QuestionCounts {
  asked: number;
  /** By every party, and every passage delivered. */
  answeredByAll: number;
  /** By some parties; of the others, and of passages not delivered, the result says so. */
  answeredPartly: number;
  /** By no party; the result says why of each. */
  refused: number;
  /** With an error that has a code. */
  failed: number;
  /** Their querier was killed. */
  abandoned: number;
  /** Neither a result nor an error in time. */
  lost: number;
}

/** A question under way. */
interface Open {
  readonly querier: string;
  readonly askedAt: number;
  readonly timer: NodeJS.Timeout;
}

interface Waiting {
  readonly since: number;
  readonly querier: string | null;
  readonly resolve: (at: number) => void;
}

export interface TallyOptions {
  readonly corpus: SoakCorpus;
  readonly k: number;
  /** From asking to result or error; beyond, a question is lost. */
  readonly lostAfterMs: number;
  /** Of the answered questions, the share whose passages are compared with a scan: every 1/share-th. */
  readonly checkEvery: number;
  readonly onProblem: (what: string) => void;
}

/** Follows every question from its being asked to its end. */
export class Tally {
  readonly counts: QuestionCounts = {
    asked: 0,
    answeredByAll: 0,
    answeredPartly: 0,
    refused: 0,
    failed: 0,
    abandoned: 0,
    lost: 0,
  };
  /** Code -> parties of results that it was said of. */
  readonly partyCodes = new Map<string, number>();
  /** Code -> questions that it ended. */
  readonly errorCodes = new Map<string, number>();
  checked = 0;
  wrong = 0;
  unexpected = 0;
  /** Milliseconds of the questions that any party answered. */
  readonly #times: number[] = [];
  readonly #endedOf = new Map<string, number>();
  readonly #open = new Map<number, Open>();
  readonly #options: TallyOptions;
  #waiting: Waiting[] = [];

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  get ended(): number {
    return this.counts.asked - this.#open.size;
  }

  get underWay(): number {
    return this.#open.size;
  }

  /** Of one process of queriers, in all its lives. */
  endedOf(querier: string): number {
    return this.#endedOf.get(querier) ?? 0;
  }

  /** When the oldest question under way was asked, now if there is none. */
  get oldestAskedAt(): number {
    const [oldest] = this.#open.values();
    return oldest?.askedAt ?? performance.now();
  }

  asked(querier: string, question: number): void {
    this.counts.asked++;
    const timer = setTimeout(() => {
      if (!this.#open.delete(question)) return;
      this.counts.lost++;
      this.#options.onProblem(`question ${question} of ${querier} was lost`);
    }, this.#options.lostAfterMs);
    this.#open.set(question, { querier, askedAt: performance.now(), timer });
  }

  finished(querier: string, ended: EndedQuestion): void {
    const open = this.#open.get(ended.question);
    if (!open) return; // Lost, and counted as that.
    this.#close(ended.question, open);
    this.#endedOf.set(querier, this.endedOf(querier) + 1);
    if (ended.error) {
      this.counts.failed++;
      count(this.errorCodes, ended.error.code);
      if (!ended.error.isFault) {
        this.unexpected++;
        this.#options.onProblem(`question ${ended.question} ended with an error without a code`);
      }
      return;
    }
    const complete = ended.parties.filter(({ status, code }) => status === "answered" && code === null);
    for (const { code } of ended.parties) if (code !== null) count(this.partyCodes, code);
    if (complete.length === ended.parties.length) {
      this.counts.answeredByAll++;
      this.#wake(querier, open.askedAt);
    } else if (ended.parties.some(({ status }) => status === "answered")) this.counts.answeredPartly++;
    else {
      this.counts.refused++;
      return;
    }
    this.#times.push(ended.ms);
    this.#check(ended, open.askedAt);
  }

  /** A process of queriers was killed, and with it what it had asked. */
  gone(querier: string): void {
    for (const [question, open] of this.#open) {
      if (open.querier !== querier) continue;
      this.#close(question, open);
      this.counts.abandoned++;
    }
  }

  /** @param percent - 0..100. @returns Milliseconds; NaN before the first answer. */
  answeredMs(percent: number): number {
    return percentile(this.#times, percent);
  }

  /**
   * @param querier - The process that asks; null for any.
   * @returns When the first question that was asked after `since` has been answered by all parties.
   */
  firstAnsweredByAll(since: number, querier: string | null): Promise<number> {
    return new Promise((resolve) => this.#waiting.push({ since, querier, resolve }));
  }

  /** Ends all timers. */
  close(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer);
  }

  #close(question: number, { timer }: Open): void {
    clearTimeout(timer);
    this.#open.delete(question);
  }

  #wake(querier: string, askedAt: number): void {
    const now = performance.now();
    const over = this.#waiting.filter((one) => askedAt >= one.since && (one.querier ?? querier) === querier);
    this.#waiting = this.#waiting.filter((one) => !over.includes(one));
    for (const { resolve } of over) resolve(now);
  }

  #check({ question, parties, passages }: EndedQuestion, askedAt: number): void {
    const { corpus, k, checkEvery, onProblem } = this.#options;
    if (this.#times.length % checkEvery !== 0) return;
    this.checked++;
    const answered = parties.filter(({ status }) => status === "answered");
    const complete = answered.filter(({ code }) => code === null).map(({ party }) => party);
    const hasGaps = complete.length < answered.length;
    const answer = { question, k, askedAt, endedAt: performance.now(), passages, complete, hasGaps };
    const wrong = corpus.whatIsWrong(answer);
    if (wrong === null) return;
    this.wrong++;
    onProblem(`the answer to question ${question} is wrong: ${wrong}`);
  }
}

function count(codes: Map<string, number>, code: string): void {
  codes.set(code, (codes.get(code) ?? 0) + 1);
}
