import { isWordSalad } from "../../../party-node/asking/word-salad.ts";
import type { CorpusStatistics, Encoder } from "../../../party-node/encoders/index.ts";
import { type Matrix, innerProduct, nearest, row } from "../../sealing/matrix.ts";
import { mean } from "../../metrics.ts";
import type { Lab } from "../lab.ts";

/** How many passages a question shows. */
export const SHOWN = 10;

/**
 * What a malicious party says that its passages score: the truth, as much as their words allow in any corpus, which no querier can refute, or what it likes. It
 * need not run our node: scores are whatever it sends.
 */
export type Claim = "truth" | "most" | "anything";

/** What the querier does about it. */
export interface Defences {
  /** Whether scores are held against the text that was fetched. */
  readonly checkScores: boolean;
  /** Whether what reads like no text is left out. */
  readonly dropSuspects: boolean;
  /** At most so many of the passages shown are one party's. */
  readonly partyMax: number;
}

export const NO_DEFENCE: Defences = { checkScores: false, dropSuspects: false, partyMax: SHOWN };

export interface Harm {
  /** Share of the questions with a poisoned passage among those shown. */
  readonly questions: number;
  /** Share of all passages shown that is poisoned. */
  readonly shown: number;
}

export interface ContestOptions {
  readonly encoder: Encoder;
  /** Vectors of all honest parties' passages, shape [passages][dim]. */
  readonly honest: Matrix;
  /** Shape [questions][dim]. */
  readonly questions: Matrix;
  /** Of the malicious party's own text. */
  readonly statistics: CorpusStatistics;
  /** What a retriever that was tampered with adds to the score of a poisoned passage; default nothing. */
  readonly bonus?: (question: number, text: string) => number;
}

interface EnteredRow {
  readonly score: number;
  readonly most: number;
  readonly suspect: boolean;
}

/** Questions for which a malicious party's passages compete with honest ones. */
export class Contest {
  readonly #lab: Lab;
  readonly #options: ContestOptions;
  /** Of each question, the scores of its best honest passages, best first. */
  readonly #honest: readonly (readonly number[])[];

  private constructor(lab: Lab, options: ContestOptions, honest: readonly (readonly number[])[]) {
    this.#lab = lab;
    this.#options = options;
    this.#honest = honest;
  }

  /** What the first place scores, in the mean. */
  get topScore(): number {
    return mean(this.#honest.map(([score]) => score ?? 0));
  }

  static async open(lab: Lab, options: ContestOptions): Promise<Contest> {
    const { honest, questions } = options;
    const { signal } = lab;
    const { distances } = await nearest(honest, questions, { count: SHOWN, by: "innerProduct", signal });
    const scores = distances.map((found) => Array.from(found, (distance) => 1 - distance));
    return new Contest(lab, options, scores);
  }

  /**
   * @param texts - The malicious party's passages.
   * @param asked - Indices of questions.
   * @returns What comes of it, for any defences.
   */
  async enter(texts: readonly string[], claim: Claim, asked: readonly number[]): Promise<(defences: Defences) => Harm> {
    const { encoder, questions, statistics, bonus } = this.#options;
    const different = [...new Set(texts)];
    const textOf = texts.map((text) => different.indexOf(text));
    const suspect = different.map(isWordSalad);
    const vectors = await encoder.encodePassages(different, statistics);
    // The truth is never more than the words allow.
    const isTruth = claim === "truth" && !bonus;
    const entered: { readonly honest: readonly number[]; readonly rows: readonly EnteredRow[] }[] = [];
    for (const i of asked) {
      await this.#lab.pause();
      const question = row(questions, i);
      const most = isTruth ? different.map(() => Infinity) : await encoder.scoreMax(question, different);
      const claimed = (at: number): number => {
        if (claim === "anything") return encoder.normMax;
        const score = claim === "most" ? most[at]! : innerProduct(vectors[at]!, question);
        return score + (bonus?.(i, different[at]!) ?? 0);
      };
      const rows = textOf.map((at) => ({ score: claimed(at), most: most[at]!, suspect: suspect[at]! }));
      entered.push({ honest: this.#honest[i]!, rows });
    }
    return ({ checkScores, dropSuspects, partyMax }) => {
      const poisoned = entered.map(({ honest, rows }) => {
        const passed = rows.filter((one) => !(checkScores && one.score > one.most) && !(dropSuspects && one.suspect));
        const scores = passed.map(({ score }) => score).sort((a, b) => b - a);
        return poisonedAmong(honest, scores.slice(0, partyMax));
      });
      return {
        questions: poisoned.filter((count) => count > 0).length / asked.length,
        shown: poisoned.reduce((sum, count) => sum + count, 0) / (SHOWN * asked.length),
      };
    };
  }
}

/** How many of the poisoned are among the first {@link SHOWN} of both; at equal scores the honest come first. */
function poisonedAmong(honest: readonly number[], poisoned: readonly number[]): number {
  let [a, b] = [0, 0];
  while (a + b < SHOWN && (a < honest.length || b < poisoned.length))
    if ((honest[a] ?? -Infinity) >= (poisoned[b] ?? -Infinity)) a++;
    else b++;
  return b;
}
