import { createHash } from "node:crypto";
import { CountStatistics } from "./count-statistics.ts";
import type { CorpusStatistics, Encoder } from "./encoder.ts";
import { encoderFault } from "./faults.ts";
import { batches } from "./onnx-batches.ts";
import { readOnnxFiles, type OnnxFiles } from "./onnx-files.ts";
import { openSession, type BatchOutput, type OnnxSession } from "./onnx-session.ts";
import { openTokens, type TokenSource } from "./onnx-tokens.ts";
import { innerProduct, normaliseInPlace } from "./vector.ts";

/** Raise it whenever the same text and files would give another vector, or the fingerprint covers something else. */
const ALGORITHM_VERSION = 2;
/** Unit norm, and what float32 rounding may add. */
const NORM_MAX = 1.001;
/** What a score may differ by from one machine to another: a GPU's shorter mantissas, an int8 model on another CPU. */
const MACHINE_DIFFERENCE_MAX = 0.01;

/**
 * A sentence-transformers ONNX export: mean pooling unless the model pools itself or its folder says otherwise, unit norm.
 *
 * @param directory - See {@link readOnnxFiles}.
 * @throws Fault MODEL_MISSING, BAD_MODEL, BAD_OPTION, DEVICE_UNAVAILABLE.
 */
export async function openOnnx(directory: string): Promise<Encoder> {
  const files = await readOnnxFiles(directory);
  const tokens = openTokens(files);
  const session = await openSession(files.modelPath, tokens);
  return new OnnxEncoder({ spec: `onnx:${directory}`, files, tokens, session });
}

interface OnnxParts {
  readonly spec: string;
  readonly files: OnnxFiles;
  readonly tokens: TokenSource;
  readonly session: OnnxSession;
}

class OnnxEncoder implements Encoder {
  readonly spec: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly normMax = NORM_MAX;
  readonly device: string;
  readonly usesStatistics = false;
  readonly #parts: OnnxParts;

  constructor(parts: OnnxParts) {
    this.#parts = parts;
    this.spec = parts.spec;
    this.dim = parts.session.dim;
    this.device = parts.session.device;
    const decisive = ["onnx", ALGORITHM_VERSION, parts.files.digest];
    this.fingerprint = createHash("sha256").update(JSON.stringify(decisive)).digest("hex");
  }

  async encodeQuery(question: string): Promise<Float32Array> {
    const [vector] = await this.#encode([this.#parts.files.queryPrefix + question]);
    return vector!;
  }

  encodePassages(passages: readonly string[], _statistics: CorpusStatistics): Promise<Float32Array[]> {
    return this.#encode(passages.map((passage) => this.#parts.files.passagePrefix + passage));
  }

  async scoreMax(question: Float32Array, passages: readonly string[]): Promise<number[]> {
    const vectors = await this.encodePassages(passages, this.statistics());
    return vectors.map((vector) => innerProduct(question, vector) + MACHINE_DIFFERENCE_MAX);
  }

  statistics(bytes?: Uint8Array): CorpusStatistics {
    return bytes ? CountStatistics.fromBytes(bytes) : new CountStatistics();
  }

  async close(): Promise<void> {
    await this.#parts.session.close();
  }

  async #encode(texts: readonly string[]): Promise<Float32Array[]> {
    const vectors = texts.map(() => new Float32Array(this.dim));
    const rows = texts.map((text, index) => ({ index, ids: this.#parts.tokens.ids(text) }));
    for (const batch of batches(rows.filter(({ ids }) => ids.length > 0))) {
      const output = await this.#parts.session.run(batch.map(({ ids }) => ids));
      batch.forEach(({ index, ids }, row) => {
        this.#pool(output, row, ids.length, vectors[index]!);
      });
    }
    return vectors;
  }

  /** Writes the row's vector, at unit norm, into `target` (shape [dim]). */
  #pool({ data, shape }: BatchOutput, row: number, tokenCount: number, target: Float32Array): void {
    const dim = this.dim;
    if (shape.at(-1) !== dim || shape.length < 2 || shape.length > 3) {
      throw encoderFault(
        "BAD_MODEL",
        "The model's output has neither one vector a text nor one a token; use a sentence-transformers export.",
      );
    }
    const perToken = shape.length === 3;
    const start = row * dim * (perToken ? shape[1]! : 1);
    // A sum is as good as a mean before normalising. Padding follows the tokens, so the first tokenCount are the unmasked.
    const counted = perToken && this.#parts.files.pooling === "mean" ? tokenCount : 1;
    for (let token = 0; token < counted; token++) {
      for (let i = 0; i < dim; i++) target[i]! += data[start + token * dim + i]!;
    }
    if (!target.every(Number.isFinite)) {
      throw encoderFault(
        "NOT_FINITE",
        "The model gave an entry that is not a finite number; set SOTTO_DEVICE=cpu, or get the model again.",
      );
    }
    normaliseInPlace(target);
  }
}
