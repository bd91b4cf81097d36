import { join } from "node:path";
import type { Command } from "commander";
import { wholeNumber } from "../cli/options.ts";
import { checkCitations } from "../party-node/answering/index.ts";
import { type Passage, encoderInput, split } from "../party-node/documents/index.ts";
import { innerProduct } from "../party-node/encoders/vector.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { type BeirQuery, type BeirSet, loadBeirSet } from "../simulations/beir.ts";
import { seededRandom } from "../simulations/seeded-random.ts";
import { encodeAll, sample } from "./exact-search.ts";
import { type Row, noted } from "./measure.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";

interface Options {
  readonly data: string;
  readonly sets: string;
  readonly limit: number;
}

/** Passages beside the right one that a question finds: what a model could cite by mistake. */
const WRONG = 4;

/** How often `sotto ask` flags a citation that is right, and one that is not. A claim or question of the set stands for an answer's sentence. */
export function citationsCommand(): Command {
  return benchmarkCommand("citations", "citations of right and wrong passages: which are flagged", runCitations)
    .requiredOption("--data <folder>", "where each set has its folder with corpus.jsonl, queries.jsonl and qrels.tsv")
    .option("--sets <names>", "folders of sets, with commas between", "scifact,pubmedqa")
    .option("--limit <count>", "sentences of each set", wholeNumber(1, 100_000), 300);
}

async function runCitations({ data, sets, limit }: Options): Promise<Findings> {
  const rows: Row[] = [];
  for (const name of sets.split(",")) {
    say(`reading and encoding ${name}`);
    rows.push(...(await measureSet(name, await loadBeirSet(join(data, name)), limit)));
  }
  return { parameters: { limit, passagesShown: WRONG + 1 }, rows };
}

type HeldPassage = Pick<Passage, "documentId" | "title" | "text">;

async function measureSet(name: string, { documents, queries, qrels }: BeirSet, limit: number): Promise<Row[]> {
  const passages: HeldPassage[] = documents.flatMap(({ id, title, text }) =>
    split(text).map((part) => ({ documentId: id, title, text: part })),
  );
  const encoder = await openEncoder("lexical");
  const vectors = await encodeAll(encoder, passages.map(encoderInput));
  const random = seededRandom(1);
  const flagged = { right: 0, retrieved: 0, random: 0 };
  const asked = sample(queries, limit);
  for (const query of asked) {
    const isRight = ({ documentId }: HeldPassage): boolean => (qrels.get(query.id)?.get(documentId) ?? 0) > 0;
    const embedding = await encoder.encodeQuery(query.text);
    const scores = vectors.map((vector) => innerProduct(embedding, vector));
    const ranked = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).map((i) => passages[i]!);
    const right = ranked.find(isRight)!;
    const wrong = ranked.filter((passage) => !isRight(passage));
    const shown = [right, ...wrong.slice(0, WRONG)];
    flagged.right += flags(query, 1, shown);
    for (let number = 2; number <= shown.length; number++) flagged.retrieved += flags(query, number, shown);
    flagged.random += flags(query, 1, [wrong[Math.floor(random() * wrong.length)]!, ...shown]);
  }
  await encoder.close();
  const share = (what: string, count: number, of: number): Row =>
    noted(`${name}: ${what} flagged, of ${of}`, count / of, "of them");
  return [
    share("right citations", flagged.right, asked.length),
    share("citations of other passages that were found", flagged.retrieved, asked.length * WRONG),
    share("citations of passages drawn by chance", flagged.random, asked.length),
  ];
}

/** @returns 1 where the sentence's citation of this passage is flagged, else 0. */
function flags({ text }: BeirQuery, number: number, shown: readonly HeldPassage[]): number {
  return checkCitations(`${text} [${number}]`, shown.map(encoderInput)).citations.some(({ flag }) => flag !== undefined)
    ? 1
    : 0;
}
