import { setImmediate } from "node:timers/promises";
import { Fault, type RankProfile } from "../../crypto/index.ts";
import { encoderInput } from "../../party-node/documents/index.ts";
import { type Encoder, assertInRange } from "../../party-node/encoders/index.ts";
import { measureProfile, profileSample } from "../../party-node/outsourced/index.ts";
import type { BeirDocument, BeirSet } from "../beir.ts";
import { sampleIndices, seededRandom } from "../seeded-random.ts";
import { type Matrix, matrixOf } from "./matrix.ts";

/** NOTHING_TO_ASK: no query has a relevant document in the corpus. CORPUS_TOO_SMALL: fewer documents, or words, than a measurement needs. */
export type CollectionFaultCode = "NOTHING_TO_ASK" | "CORPUS_TOO_SMALL";

/** A corpus as vectors, with the questions it is asked. */
export interface EncodedCollection {
  readonly normMax: number;
  /** Shape [documents][dim]. */
  readonly rows: Matrix;
  /** As its owner would measure it. */
  readonly profile: RankProfile;
  readonly documentIds: readonly string[];
  /** Shape [queries][dim], unit vectors. */
  readonly questions: Matrix;
  /** For each question, document id -> grade. */
  readonly grades: readonly ReadonlyMap<string, number>[];
}

const ENCODE_BATCH = 256;
/** A top ten, its neighbours and something besides. */
const ROWS_MIN = 50;

export interface EncodeOptions {
  /** At most this many queries. */
  readonly limit?: number | undefined;
  /** At most this many documents: the relevant ones first, then others at random. */
  readonly rows?: number | undefined;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Passages encoded, of how many. */
  readonly onProgress: (done: number, total: number) => void;
}

/** @throws Fault NOTHING_TO_ASK, CORPUS_TOO_SMALL; the encoder's. */
export async function encodeCollection(
  set: BeirSet,
  encoder: Encoder,
  options: EncodeOptions,
): Promise<EncodedCollection> {
  const known = new Set(set.documents.map(({ id }) => id));
  const isAnswerable = (query: string): boolean =>
    [...(set.qrels.get(query) ?? [])].some(([document, grade]) => grade > 0 && known.has(document));
  const queries = set.queries.filter(({ id }) => isAnswerable(id)).slice(0, options.limit);
  if (queries.length === 0)
    throw new Fault<CollectionFaultCode>(
      "NOTHING_TO_ASK",
      "no query has a relevant document in the corpus; do the three files belong together?",
    );
  const grades = queries.map(({ id }) => set.qrels.get(id)!);
  const documents = sampled(set.documents, grades, options);
  if (documents.length < ROWS_MIN)
    throw new Fault<CollectionFaultCode>(
      "CORPUS_TOO_SMALL",
      `there are ${documents.length} documents, and figures of fewer than ${ROWS_MIN} say nothing; give a larger corpus or --rows`,
    );
  const rows = await encodeDocuments(documents, encoder, options);
  const questions: Float32Array[] = [];
  for (const { text } of queries) questions.push(await encoder.encodeQuery(text));
  return {
    normMax: encoder.normMax,
    rows: matrixOf(rows, encoder.dim),
    profile: await profileOf(documents, rows, encoder),
    documentIds: documents.map(({ id }) => id),
    questions: matrixOf(questions, encoder.dim),
    grades,
  };
}

function sampled(
  documents: readonly BeirDocument[],
  grades: EncodedCollection["grades"],
  { rows = Infinity, seed }: EncodeOptions,
): BeirDocument[] {
  if (documents.length <= rows) return [...documents];
  const relevant = new Set(grades.flatMap((of) => [...of].filter(([, grade]) => grade > 0).map(([id]) => id)));
  const random = seededRandom(seed);
  const take = (from: readonly BeirDocument[], count: number): BeirDocument[] =>
    sampleIndices(from.length, count, random).map((i) => from[i]!);
  const first = take(
    documents.filter(({ id }) => relevant.has(id)),
    rows,
  );
  const others = documents.filter(({ id }) => !relevant.has(id));
  return [...first, ...take(others, rows - first.length)];
}

async function encodeDocuments(
  documents: readonly BeirDocument[],
  encoder: Encoder,
  { signal, onProgress }: EncodeOptions,
): Promise<Float32Array[]> {
  const texts = documents.map(encoderInput);
  const statistics = encoder.statistics();
  for (const text of texts) statistics.add(text);
  const rows: Float32Array[] = [];
  for (let at = 0; at < texts.length; at += ENCODE_BATCH) {
    await setImmediate();
    signal.throwIfAborted();
    rows.push(...(await encoder.encodePassages(texts.slice(at, at + ENCODE_BATCH), statistics)));
    onProgress(rows.length, texts.length);
  }
  for (const vector of rows) assertInRange(encoder, vector);
  return rows;
}

/** @throws Fault CORPUS_TOO_SMALL. */
async function profileOf(
  documents: readonly BeirDocument[],
  vectors: readonly Float32Array[],
  encoder: Encoder,
): Promise<RankProfile> {
  const sample = profileSample(documents.length).map((at) => ({ ...documents[at]!, documentId: documents[at]!.id }));
  const rows = vectors.map((vector, i) => ({ documentId: documents[i]!.id, vector }));
  const profile = await measureProfile({ sample, rows, rowCount: rows.length }, encoder);
  if (!profile)
    throw new Fault<CollectionFaultCode>(
      "CORPUS_TOO_SMALL",
      "the encoder finds no word in the documents; give a corpus in a language it knows",
    );
  return profile;
}
