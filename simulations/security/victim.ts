import { fileURLToPath } from "node:url";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findRoots, readDocuments } from "../../party-node/documents/index.ts";
import {
  type BeirDocument,
  type BeirQuery,
  type Qrels,
  judgedQueries,
  loadBeirCorpus,
  loadBeirQueries,
  loadQrels,
} from "../beir.ts";
import { sampleIndices, seededRandom } from "../seeded-random.ts";
import type { EvaluationSettings } from "./settings.ts";

/** A collection to attack: text, questions, and which passages answer them, if that is known. */
export interface VictimText {
  /** For the report: `scifact`, `your own`. */
  readonly name: string;
  readonly documents: readonly BeirDocument[];
  readonly queries: readonly BeirQuery[];
  readonly qrels: Qrels | null;
}

/** Text divided between the owner and an attacker who has text of the same kind. */
export interface Division {
  /** What the owner sealed. */
  readonly owner: readonly BeirDocument[];
  /** The attacker's own: none of it is the owner's. */
  readonly attacker: readonly BeirDocument[];
}

const DEFAULT_SET = "scifact";

/** @throws Fault FILE_MISSING, BAD_LINE. */
export async function loadVictim({ corpus, dataFolder }: EvaluationSettings): Promise<VictimText> {
  if (corpus) return loadSet("your own", corpus);
  const folder = dataFolder === null ? null : join(dataFolder, "beir", DEFAULT_SET);
  if (folder === null || !existsSync(folder)) return loadDemo();
  return loadSet(DEFAULT_SET, {
    documents: join(folder, "corpus.jsonl"),
    queries: join(folder, "queries.jsonl"),
    qrels: join(folder, "qrels.tsv"),
  });
}

async function loadSet(name: string, files: NonNullable<EvaluationSettings["corpus"]>): Promise<VictimText> {
  const documents = await loadBeirCorpus(files.documents);
  const queries = await loadBeirQueries(files.queries);
  if (files.qrels === null) return { name, documents, queries, qrels: null };
  const qrels = await loadQrels(files.qrels);
  return { name, documents, queries: judgedQueries(queries, qrels), qrels };
}

/** The made-up organisations of `sotto demo`, each passage a document, asked its own titles. */
async function loadDemo(): Promise<VictimText> {
  const up = import.meta.url.endsWith(".ts") ? "../.." : "../../..";
  const folder = fileURLToPath(new URL(`${up}/demo/corpora`, import.meta.url));
  const documents: BeirDocument[] = [];
  const queries: BeirQuery[] = [];
  const qrels = new Map<string, Map<string, number>>();
  for await (const event of readDocuments((await findRoots([folder])).roots)) {
    if (!("document" in event)) continue;
    const { documentId, passages } = event.document;
    const ids = passages.map((_, i) => `${documentId}#${String(i)}`);
    passages.forEach(({ title, text }, i) => documents.push({ id: ids[i]!, title, text }));
    queries.push({ id: documentId, text: passages[0]!.title });
    qrels.set(documentId, new Map(ids.map((passage) => [passage, 1])));
  }
  return { name: "demo", documents, queries, qrels };
}

/**
 * Deals documents out: at most a third to the attacker, at most as many as asked for to each, those that answer a question to the owner first. All attacks of one seed that ask for the same sizes get the same.
 */
export function divide(
  { documents, qrels }: VictimText,
  { owner, attacker, seed }: { readonly owner: number; readonly attacker: number; readonly seed: number },
): Division {
  const random = seededRandom(seed);
  const relevant = new Set(
    [...(qrels?.values() ?? [])].flatMap((grades) => [...grades].filter(([, grade]) => grade > 0).map(([id]) => id)),
  );
  const isRelevant = (i: number): boolean => relevant.has(documents[i]!.id);
  const all = documents.map((_, i) => i);
  const take = (from: readonly number[], count: number): number[] =>
    sampleIndices(from.length, count, random).map((i) => from[i]!);
  const preferred = (from: readonly number[], count: number, first: (i: number) => boolean): number[] => {
    const chosen = take(from.filter(first), count);
    const others = from.filter((i) => !first(i));
    return [...chosen, ...take(others, count - chosen.length)];
  };
  const attackers = preferred(all, Math.min(attacker, Math.floor(all.length / 3)), (i) => !isRelevant(i));
  const taken = new Set(attackers);
  const owners = preferred(
    all.filter((i) => !taken.has(i)),
    owner,
    isRelevant,
  );
  return { owner: owners.map((i) => documents[i]!), attacker: attackers.map((i) => documents[i]!) };
}
