import { decode, encode } from "cborg";
import type { CorpusStatistics } from "./encoder.ts";
import { encoderFault } from "./faults.ts";
import { terms } from "./tokenize.ts";

const VERSION = 1;

/** Passage count, document frequencies and mean length of one party's corpus, for BM25. */
export class LexicalStatistics implements CorpusStatistics {
  #passages = 0;
  /** Terms of all passages together, with repetitions. */
  #terms = 0;
  readonly #frequencies = new Map<string, number>();

  get passageCount(): number {
    return this.#passages;
  }

  /** Terms a passage, stop words left out; 0 before the first passage. */
  get meanLength(): number {
    return this.#passages === 0 ? 0 : this.#terms / this.#passages;
  }

  add(passage: string): void {
    const found = terms(passage);
    this.#passages++;
    this.#terms += found.length;
    for (const term of new Set(found)) this.#frequencies.set(term, (this.#frequencies.get(term) ?? 0) + 1);
  }

  /**
   * idf = ln(1 + (N - df + 0.5) / (df + 0.5)) (Robertson & Zaragoza 2009, with Lucene's 1 + inside the logarithm).
   *
   * A term that no passage had when the statistics were taken counts as if one had it (df = 1): the passage being encoded
   * does, and a term that arrives later then weighs as much as the rarest known one and no more.
   */
  inverseDocumentFrequency(term: string): number {
    const frequency = Math.max(1, this.#frequencies.get(term) ?? 0);
    const passages = Math.max(frequency, this.#passages);
    return Math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5));
  }

  /** CBOR; the same for the same passages in any order. */
  toBytes(): Uint8Array {
    const sorted = [...this.#frequencies.keys()].sort();
    const frequencies = sorted.map((term) => this.#frequencies.get(term));
    return encode([VERSION, this.#passages, this.#terms, sorted, frequencies]);
  }

  /** @throws Fault BAD_STATISTICS. */
  static fromBytes(bytes: Uint8Array): LexicalStatistics {
    const [passages, termCount, sorted, frequencies] = parse(bytes);
    const statistics = new LexicalStatistics();
    statistics.#passages = passages;
    statistics.#terms = termCount;
    sorted.forEach((term, i) => statistics.#frequencies.set(term, frequencies[i]!));
    return statistics;
  }
}

function parse(bytes: Uint8Array): [number, number, string[], number[]] {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (cause) {
    throw badStatistics(cause);
  }
  if (!Array.isArray(value) || value.length !== 5 || value[0] !== VERSION) throw badStatistics();
  const [, passages, termCount, sorted, frequencies] = value as unknown[];
  if (!isCount(passages) || !isCount(termCount) || !Array.isArray(sorted) || !Array.isArray(frequencies))
    throw badStatistics();
  const termsFit = sorted.every((term) => typeof term === "string");
  const frequenciesFit = frequencies.every(
    (frequency) => isCount(frequency) && frequency >= 1 && frequency <= passages,
  );
  if (!termsFit || !frequenciesFit || sorted.length !== frequencies.length) throw badStatistics();
  return [passages, termCount, sorted, frequencies as number[]];
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function badStatistics(cause?: unknown): Error {
  const message =
    "The stored corpus statistics are not those of this version of the lexical encoder; ingest the collection again.";
  return encoderFault("BAD_STATISTICS", message, cause);
}
