import { createHash } from "node:crypto";
import { decode, encode } from "cborg";
import type { CorpusStatistics, Encoder } from "./encoder.ts";
import { encoderFault } from "./faults.ts";
import { normaliseInPlace, scaleInPlace } from "./vector.ts";

const ALGORITHM_VERSION = 1;

/** One encoder of a hybrid and what its scores are multiplied by. */
export interface WeightedEncoder {
  readonly encoder: Encoder;
  /** Above 0. Lexical scores reach tens where cosines reach 1, so a lexical part wants a small one. */
  readonly weight: number;
}

/**
 * Several encoders side by side: passage vectors are concatenated, each multiplied by its weight; question vectors are
 * concatenated and brought to unit norm. One inner product is then the weighted sum of the parts' scores (up to a
 * factor that is the same for all passages of a question).
 *
 * @param parts - Two or more; owned by the hybrid from now on, which closes them.
 * @throws Fault BAD_OPTION.
 */
export function openHybrid(parts: readonly WeightedEncoder[]): Encoder {
  if (parts.length < 2 || parts.some(({ weight }) => !Number.isFinite(weight) || weight <= 0)) {
    throw encoderFault(
      "BAD_OPTION",
      "A hybrid takes at least two encoders, each with a weight above 0; for example hybrid(lexical*0.1,onnx:DIR*1).",
    );
  }
  return new HybridEncoder(parts);
}

class HybridEncoder implements Encoder {
  readonly spec: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly normMax: number;
  readonly device: string;
  readonly usesStatistics: boolean;
  readonly #parts: readonly WeightedEncoder[];

  constructor(parts: readonly WeightedEncoder[]) {
    this.#parts = parts;
    this.spec = `hybrid(${parts.map(({ encoder, weight }) => `${encoder.spec}*${weight}`).join(",")})`;
    this.dim = parts.reduce((sum, { encoder }) => sum + encoder.dim, 0);
    this.normMax = Math.hypot(...parts.map(({ encoder, weight }) => weight * encoder.normMax));
    this.device = [...new Set(parts.map(({ encoder }) => encoder.device))].join("+");
    this.usesStatistics = parts.some(({ encoder }) => encoder.usesStatistics);
    const decisive = ["hybrid", ALGORITHM_VERSION, parts.map(({ encoder, weight }) => [encoder.fingerprint, weight])];
    this.fingerprint = createHash("sha256").update(JSON.stringify(decisive)).digest("hex");
  }

  async encodeQuery(question: string): Promise<Float32Array> {
    const vectors = await Promise.all(this.#parts.map(({ encoder }) => encoder.encodeQuery(question)));
    return normaliseInPlace(this.#concatenate(vectors));
  }

  async encodePassages(passages: readonly string[], statistics: CorpusStatistics): Promise<Float32Array[]> {
    if (!(statistics instanceof HybridStatistics)) throw new TypeError("a hybrid needs its own statistics()");
    const byPart = await Promise.all(
      this.#parts.map(async ({ encoder, weight }, i) => {
        const vectors = await encoder.encodePassages(passages, statistics.parts[i]!);
        return vectors.map((vector) => scaleInPlace(vector, weight));
      }),
    );
    return passages.map((_, row) => this.#concatenate(byPart.map((vectors) => vectors[row]!)));
  }

  /** The parts' bounds, added: no part's vector depends on another's. */
  async scoreMax(question: Float32Array, passages: readonly string[]): Promise<number[]> {
    const sums = passages.map(() => 0);
    let at = 0;
    for (const { encoder, weight } of this.#parts) {
      const part = question.slice(at, (at += encoder.dim));
      const bounds = await encoder.scoreMax(part, passages);
      bounds.forEach((bound, i) => (sums[i]! += weight * bound));
    }
    return sums;
  }

  statistics(bytes?: Uint8Array): CorpusStatistics {
    const stored = bytes ? parse(bytes, this.#parts.length) : undefined;
    return new HybridStatistics(this.#parts.map(({ encoder }, i) => encoder.statistics(stored?.[i])));
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map(({ encoder }) => encoder.close()));
  }

  #concatenate(vectors: readonly Float32Array[]): Float32Array {
    const whole = new Float32Array(this.dim);
    let at = 0;
    for (const vector of vectors) {
      whole.set(vector, at);
      at += vector.length;
    }
    return whole;
  }
}

class HybridStatistics implements CorpusStatistics {
  readonly parts: readonly CorpusStatistics[];

  constructor(parts: readonly CorpusStatistics[]) {
    this.parts = parts;
  }

  get passageCount(): number {
    return this.parts[0]!.passageCount;
  }

  add(passage: string): void {
    for (const part of this.parts) part.add(passage);
  }

  toBytes(): Uint8Array {
    return encode(this.parts.map((part) => part.toBytes()));
  }
}

function parse(bytes: Uint8Array, count: number): Uint8Array[] {
  const message = "The stored corpus statistics are not those of this hybrid encoder; ingest the collection again.";
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (cause) {
    throw encoderFault("BAD_STATISTICS", message, cause);
  }
  const fits = Array.isArray(value) && value.length === count && value.every((part) => part instanceof Uint8Array);
  if (!fits) throw encoderFault("BAD_STATISTICS", message);
  return value as Uint8Array[];
}
