import type { Encoder } from "../../../party-node/encoders/index.ts";
import type { BeirDocument } from "../../beir.ts";
import { mean } from "../../metrics.ts";
import { type Matrix, row } from "../../sealing/matrix.ts";
import type { Lab } from "../lab.ts";
import { type Prior, dot, priorOf } from "../prior.ts";
import { divide } from "../victim.ts";
import { WordInverter, f1Score, vocabularyOf, wordsOf } from "../word-inversion.ts";
import { meanCosine } from "./posterior.ts";

export interface TargetSizes {
  /** Passages of the party that is asked. */
  readonly owner: number;
  /** Passages of the attacker. */
  readonly attacker: number;
  /** Words that are guessed. */
  readonly words: number;
}

/** How near somebody came to the rows. */
export interface Nearness {
  /** Mean cosine of recovered and true vectors. */
  readonly cosine: number;
  /** Mean F1 of the words guessed from what was recovered. */
  readonly f1: number;
}

/** A party's vectors, and what an attacker of its own knows of such vectors. */
export class Target {
  readonly encoder: Encoder;
  readonly owner: readonly BeirDocument[];
  readonly vectors: Matrix;
  readonly prior: Prior;
  readonly attacker: readonly BeirDocument[];
  readonly attackerVectors: Matrix;
  readonly #held: readonly ReadonlySet<number>[];
  readonly #inverter: WordInverter;

  private constructor(
    encoder: Encoder,
    own: { readonly documents: readonly BeirDocument[]; readonly vectors: Matrix },
    attackers: { readonly documents: readonly BeirDocument[]; readonly vectors: Matrix },
    words: number,
  ) {
    this.encoder = encoder;
    this.owner = own.documents;
    this.vectors = own.vectors;
    this.attacker = attackers.documents;
    this.attackerVectors = attackers.vectors;
    this.prior = priorOf(attackers.vectors);
    const vocabulary = vocabularyOf(attackers.documents, words);
    const sets = (documents: readonly BeirDocument[]): ReadonlySet<number>[] =>
      documents.map((document) => wordsOf(document, vocabulary));
    this.#held = sets(own.documents);
    this.#inverter = new WordInverter(sets(attackers.documents), attackers.vectors, vocabulary.size, this.prior);
  }

  static async open(lab: Lab, encoder: Encoder, { owner, attacker, words }: TargetSizes): Promise<Target> {
    const division = divide(await lab.victim(), { owner, attacker, seed: lab.settings.seed });
    const own = { documents: division.owner, vectors: await lab.encode(encoder, division.owner) };
    const attackers = { documents: division.attacker, vectors: await lab.encode(encoder, division.attacker) };
    return new Target(encoder, own, attackers, words);
  }

  /** @param estimates - Of the first rows, shape [any][dim]. */
  nearness(estimates: Float64Array): Nearness {
    const { width } = this.vectors;
    const rows = estimates.length / width;
    const guessed = { data: this.vectors.data.subarray(0, estimates.length), rows, width };
    const f1 = mean(this.#inverter.guesses(estimates).map((words, i) => f1Score(words, this.#held[i]!)));
    return { cosine: meanCosine(estimates, guessed), f1 };
  }

  /** What somebody gets who has stolen the vectors as they are, and somebody who knows nothing of them. */
  bounds(): { readonly open: Nearness; readonly blind: Nearness } {
    const { rows, width } = this.vectors;
    const blind = new Float64Array(rows * width);
    for (let i = 0; i < rows; i++) blind.set(this.prior.mean, i * width);
    return { open: this.nearness(Float64Array.from(this.vectors.data)), blind: this.nearness(blind) };
  }
}

/**
 * Share of rows whose own text is, of all candidates, the one that the scores fit best.
 *
 * @param scores - Shape [asked][rows]. @param expected - What each candidate would score, shape [asked][candidates]; row i is candidate i.
 */
export function matchedShare(scores: readonly Float64Array[], expected: readonly Float64Array[]): number {
  const [rows, candidates] = [scores[0]!.length, expected[0]!.length];
  let right = 0;
  for (let i = 0; i < rows; i++) {
    let [nearest, least] = [-1, Infinity];
    for (let c = 0; c < candidates; c++) {
      let distance = 0;
      for (let q = 0; q < scores.length; q++) distance += (scores[q]![i]! - expected[q]![c]!) ** 2;
      if (distance < least) [nearest, least] = [c, distance];
    }
    if (nearest === i) right++;
  }
  return right / rows;
}

/** What these vectors would score without error. @returns Shape [questions][rows]. */
export function exactScores(vectors: Matrix, questions: readonly Float64Array[]): Float64Array[] {
  const all = Array.from({ length: vectors.rows }, (_, i) => Float64Array.from(row(vectors, i)));
  return questions.map((question) => Float64Array.from(all, (vector) => dot(vector, question)));
}
