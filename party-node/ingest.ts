import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { Fault } from "../crypto/fault.ts";
import type { DocumentEvent, Problem, ProblemReason, Root, SourceDocument } from "./documents/index.ts";
import { ParsedFiles, encoderInput, findChanged, findFiles, findRoots, readDocuments } from "./documents/index.ts";
import { withSeparator } from "./documents/find-documents.ts";
import type { CorpusStatistics, Encoder } from "./encoders/encoder.ts";
import { alignedDocuments } from "./vertical/aligned-documents.ts";
import { type Alignment, claimAlignment } from "./vertical/alignment.ts";
import { IngestBatches, type IngestProgress } from "./ingest-batches.ts";

import type { PassageStore } from "./store/index.ts";

export type { IngestProgress } from "./ingest-batches.ts";

export type IngestFaultCode = "ENCODER_MISMATCH";

export interface IngestOptions {
  /** Files and folders. */
  readonly paths: readonly string[];
  /** A folder (absolute, links resolved) that was ingested before: only these paths in it are looked at again, and those that are gone are removed. */
  readonly within?: string;
  /** Tries again what an earlier run could not read, although the file is the same. */
  readonly retry?: boolean;
  readonly store: PassageStore;
  readonly encoder: Encoder;
  readonly onProgress?: (progress: IngestProgress) => void;
  /** Called once for each problem; none of them stops the rest. */
  readonly onProblem?: (problem: Problem) => void;
  /** Passages a transaction, about; 256. A document is never divided between two. */
  readonly batchSize?: number;
  /** For a store whose rows follow an alignment: only its entities' documents are taken, each as one passage. */
  readonly alignment?: Alignment | undefined;
  /** Ends the run between two batches; the returned promise rejects with its reason, and what is stored stays. */
  readonly signal?: AbortSignal;
}

export interface IngestReport {
  /** `reencoded`: unchanged, but encoded again because the corpus statistics were taken anew. */
  readonly documents: Record<"added" | "changed" | "reencoded" | "unchanged" | "removed", number>;
  /** Encoded and stored by this run. */
  readonly passages: number;
  readonly problems: number;
  /** How many of them, by reason. */
  readonly reasons: Readonly<Partial<Record<ProblemReason, number>>>;
  readonly seconds: number;
}

/** Statistics are taken anew when the corpus is larger than this many times what they were taken over. */
const GROWTH_MAX = 1.5;
/** Problems that a run remembers so as not to report them twice. */
const PROBLEMS_REMEMBERED_MAX = 100_000;
/** Documents and problems that are read before whatever else this process does has its turn. */
const EVENTS_A_TURN = 256;
const OPTIONS = new Set([
  "paths",
  "within",
  "retry",
  "store",
  "encoder",
  "onProgress",
  "onProblem",
  "batchSize",
  "alignment",
  "signal",
]);

interface Survey {
  readonly documentKeys: Set<string>;
  passages: number;
  /** Passages of documents that the store does not know. */
  newPassages: number;
  /** Files and folders that may hold documents nobody has seen. */
  readonly unreadable: string[];
}

/**
 * Brings a store up to date with files and folders: new and changed documents are encoded, unchanged ones skipped, and those
 * that are gone from an ingested folder or .jsonl file removed (unless something there could not be read).
 *
 * Each batch is one transaction. A run that is killed loses at most one, and the next run goes on after it. The corpus
 * statistics are taken on the first run, and anew once the corpus has grown by more than half; every document, also of
 * folders ingested earlier, is then encoded again.
 *
 * @throws Fault ENCODER_MISMATCH: the store holds another encoder's vectors. ALIGNMENT_NEEDED; POSITION_TAKEN; PARSER_NOT_STARTED.
 */
export async function ingest(options: IngestOptions): Promise<IngestReport> {
  refuseUnfit(options);
  const { store, encoder, signal, alignment } = options;
  const started = performance.now();
  claimStore(store, encoder);
  claimAlignment(store, alignment ?? null);
  const reporter = problemReporter(options.onProblem);
  const { roots, problems } = await rootsOf(options);
  problems.forEach(reporter.report);
  await using parsed = new ParsedFiles({ kept: store.extractions, retry: options.retry ?? false, signal });
  const documents = (report: (problem: Problem) => void, onFile?: () => void): AsyncGenerator<SourceDocument> => {
    const read = readDocuments(roots, { parsed, ...(onFile ? { onFile } : {}) });
    return documentsOf(alignment ? alignedDocuments(read, alignment) : read, report, signal);
  };

  const saved = readStatistics(store, encoder);
  const first = saved === null || saved.passageCount === 0 ? encoder.statistics() : null;
  const files = { done: 0, total: await countFiles(roots) };
  const read = documents(reporter.report, () => files.done++);
  const survey = await takeSurvey(read, files, reporter.unreadable, first, options);
  const removed = removeDeleted(store, roots, survey);
  forgetExtractions(store, roots, survey, parsed.paths);
  const { usesStatistics } = encoder;
  const grown =
    usesStatistics &&
    saved !== null &&
    first === null &&
    store.rowCount + survey.newPassages > GROWTH_MAX * saved.passageCount;
  const taken = grown ? await takeStatistics(documents(reporter.reportAgain), survey, store, encoder) : first;
  if (taken !== null) store.writeValue(statisticsName(encoder), taken.toBytes());
  const statistics = taken ?? saved ?? encoder.statistics();

  const version = usesStatistics ? digest(statistics.toBytes()) : "any";
  const batches = new IngestBatches({ ...options, statistics, version, report: reporter.report });
  const elsewhere = batches.outdated(store.documentKeys("").filter((key) => !survey.documentKeys.has(key)));
  batches.total = survey.passages + elsewhere.reduce((sum, key) => sum + store.passagesOfDocument(key).length, 0);
  for await (const document of documents(reporter.reportAgain)) await batches.add(document);
  for (const key of elsewhere) {
    signal?.throwIfAborted();
    await batches.add(batches.stored(key));
  }
  await batches.flush();
  return {
    documents: { ...batches.counts, removed },
    passages: batches.encoded,
    problems: reporter.count(),
    reasons: reporter.reasons,
    seconds: (performance.now() - started) / 1000,
  };
}

/** The corpus statistics a store's vectors were made with, or null before the first ingest with this encoder. */
export function readStatistics(store: PassageStore, encoder: Encoder): CorpusStatistics | null {
  const bytes = store.readValue(statisticsName(encoder));
  return bytes && encoder.statistics(bytes);
}

/** Fingerprint of the encoder that made a store's vectors, or null before the first ingest. */
export function readEncoderFingerprint(store: PassageStore): string | null {
  const stored = store.readValue("encoder.fingerprint");
  return stored && Buffer.from(stored).toString();
}

function statisticsName(encoder: Encoder): string {
  return `statistics.${encoder.fingerprint}`;
}

function refuseUnfit(options: IngestOptions): void {
  const unknown = Object.keys(options).filter((name) => !OPTIONS.has(name));
  if (unknown.length > 0) throw new TypeError(`ingest: unknown option ${unknown.join(", ")}`);
  const { batchSize = 1 } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw new TypeError("ingest: batchSize must be a positive integer");
}

async function rootsOf({ paths, within }: IngestOptions): Promise<{ roots: Root[]; problems: Problem[] }> {
  if (within === undefined) return await findRoots(paths);
  return { roots: await findChanged(within, paths), problems: [] };
}

async function countFiles(roots: readonly Root[]): Promise<number> {
  let count = 0;
  for (const root of roots) for await (const found of findFiles(root)) if (!("reason" in found)) count++;
  return count;
}

/** Ties a store without documents to the encoder; refuses another encoder once it has some. */
function claimStore(store: PassageStore, encoder: Encoder): void {
  const fingerprint = readEncoderFingerprint(store);
  if (fingerprint === encoder.fingerprint) return;
  if (fingerprint !== null && store.documentCount > 0) {
    throw new Fault<IngestFaultCode>(
      "ENCODER_MISMATCH",
      `The store was filled by the encoder with fingerprint ${fingerprint.slice(0, 16)}, and ${encoder.spec} has ` +
        `${encoder.fingerprint.slice(0, 16)}. Choose the encoder it was filled by, or ingest into a new store.`,
    );
  }
  store.writeValue("encoder.fingerprint", Buffer.from(encoder.fingerprint));
}

async function takeSurvey(
  documents: AsyncIterable<SourceDocument>,
  files: { readonly done: number; readonly total: number },
  unreadable: string[],
  statistics: CorpusStatistics | null,
  { store, onProgress }: IngestOptions,
): Promise<Survey> {
  const started = performance.now();
  const survey: Survey = { documentKeys: new Set(), passages: 0, newPassages: 0, unreadable };
  for await (const { documentKey, passages } of documents) {
    survey.documentKeys.add(documentKey);
    survey.passages += passages.length;
    if (store.contentHash(documentKey) === null) survey.newPassages += passages.length;
    if (statistics) for (const passage of passages) statistics.add(encoderInput(passage));
    const { done, total } = files;
    onProgress?.({
      phase: "reading",
      done: survey.passages,
      total: null,
      passagesPerSecond: 0,
      files: { done, total },
      secondsLeft: done > 1 ? ((performance.now() - started) / 1000 / (done - 1)) * (total - done + 1) : null,
    });
  }
  return survey;
}

/** Statistics over everything: the documents read, and those the store has from elsewhere. */
async function takeStatistics(
  documents: AsyncIterable<SourceDocument>,
  survey: Survey,
  store: PassageStore,
  encoder: Encoder,
): Promise<CorpusStatistics> {
  const statistics = encoder.statistics();
  for await (const { passages } of documents) for (const passage of passages) statistics.add(encoderInput(passage));
  for (const key of store.documentKeys("")) {
    if (survey.documentKeys.has(key)) continue;
    for (const passage of store.passagesOfDocument(key)) statistics.add(encoderInput(passage));
  }
  return statistics;
}

function removeDeleted(store: PassageStore, roots: readonly Root[], survey: Survey): number {
  const { documentKeys, unreadable } = survey;
  const gone = roots
    .flatMap(({ path, isFolder }) =>
      store.documentKeys(isFolder ? withSeparator(path) : path).filter((key) => isFrom(path, key)),
    )
    .filter((key) => !documentKeys.has(key) && !unreadable.some((path) => isFrom(path, key)));
  const remove = [...new Set(gone)];
  if (remove.length > 0) store.apply({ put: [], remove });
  return remove.length;
}

/** What was extracted from files that are gone. */
function forgetExtractions(
  { extractions }: PassageStore,
  roots: readonly Root[],
  { unreadable }: Survey,
  read: ReadonlySet<string>,
): void {
  const gone = roots
    .flatMap(({ path }) => extractions.paths(path).filter((file) => isFrom(path, file)))
    .filter((file) => !read.has(file) && !unreadable.some((path) => isFrom(path, file)));
  if (gone.length > 0) extractions.remove(gone);
}

/** Whether a document is a file, a line of a file, or in a folder. */
function isFrom(path: string, documentKey: string): boolean {
  return documentKey === path || documentKey.startsWith(`${path}#`) || documentKey.startsWith(withSeparator(path));
}

async function* documentsOf(
  events: AsyncIterable<DocumentEvent>,
  report: (problem: Problem) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceDocument> {
  let taken = 0;
  for await (const event of events) {
    signal?.throwIfAborted();
    if ("problem" in event) report(event.problem);
    else yield event.document;
    // The lines of a chunk of a file come without a turn of the event loop between them, and others of this process wait.
    if (++taken % EVENTS_A_TURN === 0) await setImmediate();
  }
}

/**
 * Documents are read again; each problem is reported once, by {@link PROBLEMS_REMEMBERED_MAX} messages that are remembered. Beyond that the first reading's count: problems that only a
 * later one meets, because a file has changed in between, are then left out.
 */
function problemReporter(onProblem: IngestOptions["onProblem"]) {
  const told = new Set<string>();
  const unreadable: string[] = [];
  const reasons: Partial<Record<ProblemReason, number>> = {};
  let count = 0;
  const report = (problem: Problem): void => {
    if (told.has(problem.message)) return;
    if (told.size < PROBLEMS_REMEMBERED_MAX) told.add(problem.message);
    count++;
    reasons[problem.reason] = (reasons[problem.reason] ?? 0) + 1;
    if (problem.reason === "UNREADABLE") unreadable.push(problem.file);
    onProblem?.(problem);
  };
  const reportAgain = (problem: Problem): void => {
    if (told.size < PROBLEMS_REMEMBERED_MAX) report(problem);
  };
  return { report, reportAgain, unreadable, reasons, count: () => count };
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
