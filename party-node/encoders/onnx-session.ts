import { existsSync, readdirSync } from "node:fs";
import type * as Ort from "onnxruntime-node";
import { Fault } from "../../crypto/fault.ts";
import { encoderFault } from "./faults.ts";
import { onnxRuntime } from "./onnx-runtime.ts";
import type { TokenSource } from "./onnx-tokens.ts";

export type OnnxDevice = "cuda" | "webgpu" | "cpu";
const DEVICES: readonly OnnxDevice[] = ["cuda", "webgpu", "cpu"];

/** A loaded model on the device that turned out to work. */
export interface OnnxSession {
  readonly device: OnnxDevice;
  /** Length of the vectors it makes. */
  readonly dim: number;
  /**
   * Runs one padded batch.
   *
   * @param rows - Token ids, none empty; shorter rows are padded with `padId`.
   * @param types - For pairs, which text each token is of, 0 or 1, in the shape of the rows; default all 0.
   * @returns Either one vector a row (shape [rows, dim]) or one a token (shape [rows, longest, dim]).
   * @throws Fault BAD_MODEL.
   */
  run(rows: TokenNumbers, types?: TokenNumbers): Promise<BatchOutput>;
  close(): Promise<void>;
}

/** One list a text, of one number a token. */
type TokenNumbers = readonly (readonly number[])[];

export interface BatchOutput {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/**
 * Loads the model on the first device of cuda, webgpu, cpu that this machine has and that carries a trial batch.
 *
 * The environment variable SOTTO_DEVICE names one device to use instead; then nothing else is tried.
 *
 * @throws Fault ONNX_MISSING, DEVICE_UNAVAILABLE, BAD_OPTION (SOTTO_DEVICE names no device), BAD_MODEL.
 */
export async function openSession(modelPath: string, { ids, padId }: TokenSource): Promise<OnnxSession> {
  const ort = await onnxRuntime();
  const failures: unknown[] = [];
  const wanted = devices();
  const word = ids("a");
  const probe = word.length > 0 ? word : [padId];
  for (const device of wanted) {
    try {
      return await openOn(device, ort, { modelPath, probe, padId });
    } catch (cause) {
      failures.push(cause);
    }
  }
  const last = failures.at(-1);
  if (last instanceof Fault) throw last;
  if (wanted.includes("cpu")) throw encoderFault("BAD_MODEL", `${modelPath} cannot be run; get the model again.`, last);
  throw encoderFault(
    "DEVICE_UNAVAILABLE",
    `SOTTO_DEVICE asks for ${wanted.join(", ")}, which does not work here; unset it to use what does.`,
    last,
  );
}

interface Trial {
  readonly modelPath: string;
  readonly probe: readonly number[];
  readonly padId: number;
}

async function openOn(device: OnnxDevice, ort: typeof Ort, { modelPath, probe, padId }: Trial): Promise<OnnxSession> {
  const session = await ort.InferenceSession.create(modelPath, { executionProviders: [device], logSeverityLevel: 4 });
  const running = new RunningSession(ort, session, device, padId);
  try {
    running.dim = (await running.run([probe])).shape.at(-1) ?? 0;
    return running;
  } catch (error) {
    await running.close();
    throw error;
  }
}

function devices(): OnnxDevice[] {
  const asked = process.env["SOTTO_DEVICE"];
  if (!asked) return DEVICES.filter(looksPresent);
  const device = DEVICES.find((name) => name === asked);
  if (!device) throw encoderFault("BAD_OPTION", "SOTTO_DEVICE must be cuda, webgpu or cpu; correct or unset it.");
  return [device];
}

/**
 * A cheap look before the trial: without it every start on a machine with no GPU would print the graphics libraries'
 * complaints, and a software renderer, slower than the CPU provider, could be taken for a GPU.
 */
function looksPresent(device: OnnxDevice): boolean {
  if (device === "cpu") return true;
  if (process.platform !== "linux") return device === "webgpu" || process.platform === "win32";
  const nvidia = existsSync("/dev/nvidiactl");
  if (device === "cuda") return nvidia;
  return nvidia || (existsSync("/dev/dri") && readdirSync("/dev/dri").some((name) => name.startsWith("renderD")));
}

class RunningSession implements OnnxSession {
  readonly device: OnnxDevice;
  dim = 0;
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #padId: number;
  readonly #output: string;

  constructor(ort: typeof Ort, session: Ort.InferenceSession, device: OnnxDevice, padId: number) {
    this.#ort = ort;
    this.#session = session;
    this.device = device;
    this.#padId = padId;
    const preferred = ["sentence_embedding", "last_hidden_state"].find((name) => session.outputNames.includes(name));
    this.#output = preferred ?? session.outputNames[0] ?? "";
  }

  async run(rows: TokenNumbers, types: TokenNumbers = []): Promise<BatchOutput> {
    const results = await this.#session.run(this.#feeds(rows, types), [this.#output]);
    const output = results[this.#output];
    if (!output || !(output.data instanceof Float32Array)) {
      throw encoderFault(
        "BAD_MODEL",
        `The model's output ${this.#output} is not float32; export it in that precision.`,
      );
    }
    const batch = { data: output.data, shape: output.dims };
    output.dispose();
    return batch;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #feeds(rows: TokenNumbers, types: TokenNumbers): Record<string, Ort.Tensor> {
    const longest = Math.max(...rows.map((row) => row.length));
    const inputs: Readonly<Record<string, (row: number, at: number) => number>> = {
      input_ids: (row, at) => rows[row]![at] ?? this.#padId,
      attention_mask: (row, at) => (at < rows[row]!.length ? 1 : 0),
      token_type_ids: (row, at) => types[row]?.[at] ?? 0,
    };
    const feeds: Record<string, Ort.Tensor> = {};
    for (const name of this.#session.inputNames) {
      const fill = inputs[name];
      if (!fill)
        throw encoderFault(
          "BAD_MODEL",
          `The model asks for an input named ${name}, which no text encoder has; use a sentence-transformers export.`,
        );
      const values = new BigInt64Array(rows.length * longest);
      rows.forEach((_, r) => {
        for (let i = 0; i < longest; i++) values[r * longest + i] = BigInt(fill(r, i));
      });
      feeds[name] = new this.#ort.Tensor("int64", values, [rows.length, longest]);
    }
    return feeds;
  }
}
