import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sampleIndices } from "../../seeded-random.ts";
import type { BeirDocument } from "../../beir.ts";
import type { Grades } from "./retrieval.ts";

/** Sentences, and the same said in other words by people. */
export interface Paraphrases {
  readonly documents: readonly BeirDocument[];
  /** Sentences of the documents, word by word. */
  readonly originals: readonly string[];
  /** The same in other words. */
  readonly paraphrases: readonly string[];
  /** Its original is each one's only answer. */
  readonly grades: readonly Grades[];
}

const FILE = "sts-test.csv";
/** "The two sentences are mostly equivalent, but some unimportant details differ." */
const SCORE_MIN = 4;
const [SCORE, FIRST, SECOND] = [4, 5, 6];

/**
 * Pairs of the STS benchmark (Cer et al., SemEval-2017 Task 1) as a known-item search: the second sentences of all its pairs are the collection, the first
 * sentence of a pair scored 4 or more asks for its second.
 *
 * @param count - At most so many questions.
 * @returns Null when the benchmark is not in the data folder.
 */
export async function loadParaphrases(
  dataFolder: string | null,
  { count, random }: { readonly count: number; readonly random: () => number },
): Promise<Paraphrases | null> {
  const file = dataFolder === null ? null : join(dataFolder, "sts", FILE);
  if (file === null || !existsSync(file)) return null;
  const pairs = (await readFile(file, "utf8"))
    .split("\n")
    .map((line) => line.split("\t"))
    .filter((columns) => columns.length > SECOND);
  const texts = [...new Set(pairs.map((columns) => columns[SECOND]!.trim()))];
  const ids = new Map(texts.map((text, i) => [text, String(i)]));
  const alike = pairs.filter(
    (columns) => Number(columns[SCORE]) >= SCORE_MIN && columns[FIRST]!.trim() !== columns[SECOND]!.trim(),
  );
  const chosen = sampleIndices(alike.length, count, random).map((i) => alike[i]!);
  const originals = chosen.map((columns) => columns[SECOND]!.trim());
  return {
    documents: texts.map((text) => ({ id: ids.get(text)!, title: "", text })),
    originals,
    paraphrases: chosen.map((columns) => columns[FIRST]!.trim()),
    grades: originals.map((text) => new Map([[ids.get(text)!, 1]])),
  };
}
