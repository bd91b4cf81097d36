import { decode, encode } from "cborg";
import type { CorpusStatistics } from "./encoder.ts";
import { encoderFault } from "./faults.ts";

/** For encoders that look at each passage by itself: only how many there were. */
export class CountStatistics implements CorpusStatistics {
  #passages = 0;

  get passageCount(): number {
    return this.#passages;
  }

  add(_passage: string): void {
    this.#passages++;
  }

  toBytes(): Uint8Array {
    return encode(this.#passages);
  }

  /** @throws Fault BAD_STATISTICS. */
  static fromBytes(bytes: Uint8Array): CountStatistics {
    const statistics = new CountStatistics();
    statistics.#passages = parseCount(bytes);
    return statistics;
  }
}

function parseCount(bytes: Uint8Array): number {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (cause) {
    throw badStatistics(cause);
  }
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw badStatistics();
  return value;
}

function badStatistics(cause?: unknown): Error {
  return encoderFault(
    "BAD_STATISTICS",
    "The stored corpus statistics are not those of an onnx encoder; ingest the collection again.",
    cause,
  );
}
