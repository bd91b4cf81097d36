import { encoderFault } from "./faults.ts";
import { batches } from "./onnx-batches.ts";
import { readOnnxFilesAt } from "./onnx-files.ts";
import { type OnnxSession, openSession } from "./onnx-session.ts";
import { openTokens, type TokenSource } from "./onnx-tokens.ts";

/**
 * A cross-encoder: it reads question and passage together and says how well they fit. Too slow for a whole collection and better at ordering a few passages than the
 * vectors that found them.
 */
export interface Reranker {
  /** What runs it: `"cpu"`, `"webgpu"`, `"cuda"`. */
  readonly device: string;

  /**
   * @returns One score a passage, in their order: higher fits better. Only their order means something.
   * @throws Fault NOT_FINITE.
   */
  score(question: string, passages: readonly string[]): Promise<number[]>;

  close(): Promise<void>;
}

/**
 * Opens a cross-encoder exported to ONNX: `model.onnx` (also in `onnx/`) and `tokenizer.json`, and what else {@link readOnnxFilesAt} reads. The model gives one
 * number a pair, as those of sentence-transformers do.
 *
 * @param path - The folder, or the model's file in it.
 * @throws Fault MODEL_MISSING, BAD_MODEL, BAD_OPTION, DEVICE_UNAVAILABLE.
 */
export async function openReranker(path: string): Promise<Reranker> {
  const files = await readOnnxFilesAt(path);
  const tokens = openTokens(files);
  const session = await openSession(files.modelPath, tokens);
  if (session.dim === 1) return new OnnxReranker(tokens, session);
  await session.close();
  throw notOneNumber(String(session.dim));
}

function notOneNumber(got: string): Error {
  return encoderFault(
    "BAD_MODEL",
    `The re-ranking model gives ${got} numbers for a pair of texts, expected one; use the ONNX export of a cross-encoder.`,
  );
}

class OnnxReranker implements Reranker {
  readonly device: string;
  readonly #tokens: TokenSource;
  readonly #session: OnnxSession;

  constructor(tokens: TokenSource, session: OnnxSession) {
    this.#tokens = tokens;
    this.#session = session;
    this.device = session.device;
  }

  async score(question: string, passages: readonly string[]): Promise<number[]> {
    const scores = passages.map(() => 0);
    const rows = passages.map((passage, index) => ({ index, ...this.#tokens.pair(question, passage) }));
    for (const batch of batches(rows)) {
      const { data, shape } = await this.#session.run(
        batch.map(({ ids }) => ids),
        batch.map(({ types }) => types),
      );
      if (data.length !== batch.length) throw notOneNumber(shape.slice(1).join(" x "));
      batch.forEach(({ index }, row) => {
        scores[index] = data[row] ?? NaN;
      });
    }
    if (scores.every(Number.isFinite)) return scores;
    throw encoderFault(
      "NOT_FINITE",
      "The re-ranking model gave a score that is not a finite number; set SOTTO_DEVICE=cpu, or get the model again.",
    );
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
