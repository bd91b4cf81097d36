import { encoderInput } from "../../../party-node/documents/index.ts";
import type { Encoder } from "../../../party-node/encoders/index.ts";
import type { BeirDocument } from "../../beir.ts";
import type { Corpus } from "../../federation/ingest-corpus.ts";
import { innerProduct, row } from "../../sealing/matrix.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Lab } from "../lab.ts";

/** Two questions as different as the text allows, and who holds what: the answers to the first with one party, to the second with another. */
export interface ChosenQuestions {
  readonly questions: readonly [short: string, long: string];
  readonly corpora: Readonly<Record<"alpha" | "beta" | "gamma", Corpus>>;
}

/** Lines of a `.jsonl` file are not split; at the default k, this length fits in one unit of padding. */
const PASSAGE_LENGTH = 3000;
const SHORT_WORDS = 4;

/** The best for an attacker: of other lengths, far apart, and nothing that answers one is with the party that answers the other. */
export async function chooseQuestions(lab: Lab, encoder: Encoder, documents: number): Promise<ChosenQuestions> {
  const all = (await lab.victim()).documents.filter(({ text }) => text.trim().length > 100);
  const pool = sampleIndices(all.length, documents, lab.random).map((i) => cut(all[i]!));
  const vectors = await lab.encode(encoder, pool);
  const first = Math.floor(lab.random() * pool.length);
  const likeFirst = pool.map((_, i) => innerProduct(row(vectors, i), row(vectors, first)));
  const second = likeFirst.indexOf(Math.min(...likeFirst));
  const questions = [
    encoderInput(pool[first]!).split(/\s+/).slice(0, SHORT_WORDS).join(" "),
    encoderInput(pool[second]!),
  ] as const;
  const nearness = await Promise.all(
    questions.map(async (question) => {
      const query = await encoder.encodeQuery(question);
      return pool.map((_, i) => innerProduct(row(vectors, i), query));
    }),
  );
  const byDifference = pool
    .map((document, i) => ({ document, difference: nearness[0]![i]! - nearness[1]![i]! }))
    .sort((a, b) => b.difference - a.difference)
    .map(({ document }) => document);
  const third = Math.ceil(pool.length / 3);
  return {
    questions,
    corpora: {
      alpha: corpusOf(byDifference.slice(0, third)),
      gamma: corpusOf(byDifference.slice(third, -third)),
      beta: corpusOf(byDifference.slice(-third)),
    },
  };
}

function cut(document: BeirDocument): BeirDocument {
  return { ...document, title: "", text: encoderInput(document).slice(0, PASSAGE_LENGTH) };
}

function corpusOf(documents: readonly BeirDocument[]): Corpus {
  return Object.fromEntries(documents.map(({ id, text }) => [id, text]));
}
