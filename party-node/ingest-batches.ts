import { Fault } from "../crypto/fault.ts";
import type { Passage, Problem, SourceDocument } from "./documents/index.ts";
import { encoderInput } from "./documents/index.ts";
import type { CorpusStatistics, Encoder } from "./encoders/encoder.ts";
import { assertInRange } from "./encoders/range.ts";
import type { Alignment } from "./vertical/alignment.ts";
import type { DocumentRecord, PassageStore } from "./store/index.ts";

export interface IngestProgress {
  /** First all documents are read and counted, then those that need it are encoded. */
  readonly phase: "reading" | "encoding";
  /** Passages done in this phase. */
  readonly done: number;
  /** Passages to do in this phase; null while they are still being counted. */
  readonly total: number | null;
  /** Encoded and stored a second since encoding began; 0 while reading. */
  readonly passagesPerSecond: number;
  /** Files that were begun, of those found; null once all are read. */
  readonly files: { readonly done: number; readonly total: number } | null;
  /** Until the end of this phase, if it goes on as it did; null before that can be said. */
  readonly secondsLeft: number | null;
}

type Work = Pick<SourceDocument, "documentKey" | "contentHash" | "passages">;

export interface IngestBatchesOptions {
  readonly store: PassageStore;
  readonly encoder: Encoder;
  readonly statistics: CorpusStatistics;
  /** Names the statistics: a document encoded with others is outdated. */
  readonly version: string;
  readonly report: (problem: Problem) => void;
  /** Where rows follow an alignment; every document is then of one of its entities. */
  readonly alignment?: Alignment | undefined;
  readonly onProgress?: (progress: IngestProgress) => void;
  /** Passages a transaction, about; 256. */
  readonly batchSize?: number;
}

/** Collects documents that need encoding, and encodes and stores them a batch at a time. */
export class IngestBatches {
  readonly counts = { added: 0, changed: 0, reencoded: 0, unchanged: 0 };
  /** Passages to expect in all, for the progress. */
  total = 0;
  /** Passages encoded and stored. */
  encoded = 0;
  #skipped = 0;
  #waiting: Work[] = [];
  #waitingPassages = 0;
  readonly #started = performance.now();
  readonly #batchSize: number;
  readonly #options: IngestBatchesOptions;

  constructor(options: IngestBatchesOptions) {
    this.#options = options;
    this.#batchSize = options.batchSize ?? 256;
  }

  /** Those of the store's documents that were encoded with other statistics. */
  outdated(documentKeys: readonly string[]): string[] {
    return documentKeys.filter((key) => this.#options.store.contentHash(key)?.split(".")[1] !== this.#options.version);
  }

  /** A document as the store has it, for encoding it again. */
  stored(documentKey: string): Work {
    const { store } = this.#options;
    const contentHash = store.contentHash(documentKey)?.split(".")[0] ?? "";
    return { documentKey, contentHash, passages: store.passagesOfDocument(documentKey) };
  }

  /** Takes a document unless the store has it as it is; stores the batch when it is full. */
  async add(document: Work): Promise<void> {
    const stored = this.#options.store.contentHash(document.documentKey)?.split(".");
    if (stored?.[0] === document.contentHash && stored[1] === this.#options.version) {
      this.counts.unchanged++;
      this.#skipped += document.passages.length;
      this.#showProgress();
      return;
    }
    this.counts[stored === undefined ? "added" : stored[0] === document.contentHash ? "reencoded" : "changed"]++;
    const { length } = document.passages;
    if (this.#waitingPassages + length > this.#batchSize) await this.flush();
    this.#waiting.push(document);
    this.#waitingPassages += length;
    if (this.#waitingPassages >= this.#batchSize) await this.flush();
  }

  /** Encodes and stores what waits, in one transaction. */
  async flush(): Promise<void> {
    const { store, version } = this.#options;
    if (this.#waiting.length === 0) return;
    const vectors = await this.#encode(this.#waiting.flatMap(({ passages }) => passages));
    const put = this.#waiting.map((document): DocumentRecord => {
      const own = vectors.splice(0, document.passages.length);
      const fit = own.map((vector, index) => this.#isFit(vector, document, index));
      return {
        documentKey: document.documentKey,
        contentHash: `${document.contentHash}.${version}`,
        passages: document.passages.filter((_, index) => fit[index]),
        vectors: own.filter((_, index) => fit[index]),
        position: this.#options.alignment?.positionOf(document.passages[0]?.documentId ?? ""),
      };
    });
    store.apply({ put, remove: [] });
    this.encoded += put.reduce((sum, { passages }) => sum + passages.length, 0);
    this.#skipped += this.#waitingPassages - put.reduce((sum, { passages }) => sum + passages.length, 0);
    this.#waiting = [];
    this.#waitingPassages = 0;
    this.#showProgress();
  }

  async #encode(passages: readonly Passage[]): Promise<Float32Array[]> {
    const { encoder, statistics } = this.#options;
    const vectors: Float32Array[] = [];
    for (let start = 0; start < passages.length; start += this.#batchSize) {
      const texts = passages.slice(start, start + this.#batchSize).map(encoderInput);
      vectors.push(...(await encoder.encodePassages(texts, statistics)));
    }
    return vectors;
  }

  /** A passage out of range is left out; a wrong dimension is a bug of the encoder and ends the run. */
  #isFit(vector: Float32Array, { documentKey, passages }: Work, index: number): boolean {
    try {
      assertInRange(this.#options.encoder, vector);
      return true;
    } catch (error) {
      if (!(error instanceof Fault) || error.code === "WRONG_DIM") throw error;
      const where = `${documentKey}, passage ${((passages[index]?.ordinal ?? index) + 1).toString()}`;
      this.#options.report({
        file: documentKey,
        reason: "OUT_OF_RANGE",
        message: `${where} is left out: ${error.message}`,
      });
      return false;
    }
  }

  #showProgress(): void {
    const seconds = (performance.now() - this.#started) / 1000;
    const passagesPerSecond = seconds > 0 ? this.encoded / seconds : 0;
    const done = this.encoded + this.#skipped;
    const secondsLeft = passagesPerSecond > 0 ? (this.total - done) / passagesPerSecond : null;
    this.#options.onProgress?.({
      phase: "encoding",
      done,
      total: this.total,
      passagesPerSecond,
      files: null,
      secondsLeft,
    });
  }
}
