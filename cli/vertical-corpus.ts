import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../crypto/index.ts";
import type { Encoder } from "../party-node/encoders/index.ts";
import { shuffled } from "../party-node/store/placement.ts";
import { type BeirDocument, type BeirQuery, loadBeirCorpus } from "../simulations/beir.ts";
import type { LocalParty } from "./local-federation.ts";

/** Which field of a document each party holds. */
const FIELDS = ["title", "text"] as const;
/** Encoded at once. */
const BATCH = 256;

/** A corpus whose titles and texts are held by different parties. */
export interface SplitCorpus {
  readonly entities: readonly BeirDocument[];
  readonly parties: readonly LocalParty[];
  readonly alignmentPath: string;
}

/**
 * Writes each field of the documents to a file of its own, `{ _id, text }`, and the ids in random order as the alignment: the order in which a querier meets
 * the rows says nothing. Documents that lack one of them are left out: there is no total for them.
 *
 * @throws Fault FILE_MISSING, BAD_LINE, NOTHING_TO_DIVIDE.
 */
export async function splitCorpus(corpus: string, folder: string): Promise<SplitCorpus> {
  const entities = (await loadBeirCorpus(join(corpus, "corpus.jsonl")))
    .map(({ id, title, text }) => ({ id, title: clean(title), text: clean(text) }))
    .filter((entity) => FIELDS.every((field) => entity[field] !== ""));
  if (entities.length === 0)
    throw new Fault("NOTHING_TO_DIVIDE", `no document in ${corpus} has both a title and a text`);
  const parties = FIELDS.map((field) => {
    mkdirSync(join(folder, field));
    const path = join(folder, field, "corpus.jsonl");
    const lines = entities.map(({ id, ...fields }) => `${JSON.stringify({ _id: id, text: fields[field] })}\n`);
    writeFileSync(path, lines.join(""));
    return { name: field, paths: [path] };
  });
  const alignmentPath = join(folder, "alignment.json");
  writeFileSync(alignmentPath, JSON.stringify({ version: 1, ids: shuffled(entities.map(({ id }) => id)) }));
  return { entities, parties, alignmentPath };
}

/** As a party reads it. */
function clean(text: string): string {
  return text.trim().toWellFormed();
}

/** A document with the sum of its fields' inner products with a question. */
export interface CentralScore {
  readonly id: string;
  readonly score: number;
}

/**
 * What the federation has to equal: all fields in one place, encoded as each party encodes its own, nothing encrypted.
 *
 * @returns For every query, all entities, best first.
 */
export async function centralisedScores(
  entities: readonly BeirDocument[],
  queries: readonly BeirQuery[],
  encoder: Encoder,
): Promise<ReadonlyMap<string, number>[]> {
  const vectors = await Promise.all(FIELDS.map((field) => encodeField(entities, field, encoder)));
  const all: ReadonlyMap<string, number>[] = [];
  for (const { text } of queries) {
    const question = await encoder.encodeQuery(text);
    all.push(
      new Map(entities.map(({ id }) => [id, vectors.reduce((sum, of) => sum + innerProduct(question, of.get(id)), 0)])),
    );
  }
  return all;
}

/** The k best, equal ones by id. */
export function bestOf(scores: ReadonlyMap<string, number>, k: number): CentralScore[] {
  return [...scores]
    .map(([id, score]) => ({ id, score }))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .slice(0, k);
}

async function encodeField(
  entities: readonly BeirDocument[],
  field: (typeof FIELDS)[number],
  encoder: Encoder,
): Promise<ReadonlyMap<string, Float32Array>> {
  const statistics = encoder.statistics();
  for (const entity of entities) statistics.add(entity[field]);
  const vectors = new Map<string, Float32Array>();
  for (let start = 0; start < entities.length; start += BATCH) {
    const batch = entities.slice(start, start + BATCH);
    const encoded = await encoder.encodePassages(
      batch.map((entity) => entity[field]),
      statistics,
    );
    for (const [i, { id }] of batch.entries()) vectors.set(id, encoded[i] ?? new Float32Array(0));
  }
  return vectors;
}

/** In doubles; 0 without a vector. */
function innerProduct(question: Float32Array, vector: Float32Array | undefined): number {
  let sum = 0;
  for (let i = 0; i < (vector?.length ?? 0); i++) sum += question[i]! * vector![i]!;
  return sum;
}
