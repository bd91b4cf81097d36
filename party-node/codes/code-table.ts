import { existsSync } from "node:fs";
import { join } from "node:path";
import type * as Ort from "onnxruntime-node";
import { Fault } from "../../crypto/index.ts";
import { limits, packSigns } from "../../protocol/index.ts";
import { onnxRuntime } from "../encoders/onnx-runtime.ts";
import { readEntityFeatures } from "./entity-features.ts";
import { codeServingFault } from "./faults.ts";

const MODEL_FILE = "bottom-model.onnx";
const FEATURES_FILE = "features.csv";
const ROWS_AT_ONCE = 4096;

/** Codes of the entities that a party knows. Features are read once, to compute them, and not kept. */
export interface CodeTable {
  /** Length of a code. */
  readonly bits: number;
  /** Entity id -> its code as `packSigns` packs it. */
  readonly codes: ReadonlyMap<string, Uint8Array>;
}

/**
 * Computes the codes of all entities in `features.csv` with the exported bottom model `bottom-model.onnx` (input `features`, output `code`) of a folder.
 *
 * @throws Fault CODES_MISSING, FEATURES_MALFORMED, BAD_MODEL, ONNX_MISSING.
 */
export async function openCodeTable(directory: string): Promise<CodeTable> {
  for (const name of [MODEL_FILE, FEATURES_FILE])
    if (!existsSync(join(directory, name)))
      throw codeServingFault(
        "CODES_MISSING",
        `${directory} has no ${name}; serve codes from a folder with ${MODEL_FILE}, as training exports it, and ${FEATURES_FILE}, entity ids in its first column`,
      );
  const { ids, columns, values } = await readEntityFeatures(join(directory, FEATURES_FILE));
  const modelPath = join(directory, MODEL_FILE);
  const ort = await onnxRuntime();
  const session = await openModel(ort, modelPath);
  try {
    const wanted = inputColumns(session);
    if (wanted !== columns)
      throw codeServingFault(
        "FEATURES_MALFORMED",
        `${join(directory, FEATURES_FILE)} has ${String(columns)} columns of features and the model takes ${String(wanted)}; give those it was trained on, in that order`,
      );
    const codes = new Map<string, Uint8Array>();
    let bits = 0;
    for (let from = 0; from < ids.length; from += ROWS_AT_ONCE) {
      const rows = Math.min(ROWS_AT_ONCE, ids.length - from);
      const input = new ort.Tensor("float32", values.subarray(from * columns, (from + rows) * columns), [
        rows,
        columns,
      ]);
      const signs = await runModel(session, input, modelPath);
      bits = signs.length / rows;
      for (let row = 0; row < rows; row++)
        codes.set(ids[from + row]!, packSigns(signs.subarray(row * bits, (row + 1) * bits)));
    }
    return { bits, codes };
  } finally {
    await session.release();
  }
}

async function openModel(ort: typeof Ort, path: string): Promise<Ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(path, { executionProviders: ["cpu"], logSeverityLevel: 4 });
  } catch (cause) {
    throw codeServingFault("BAD_MODEL", `${path} cannot be run; export it again`, cause);
  }
}

/** @returns 0 where it has no such input. */
function inputColumns({ inputMetadata }: Ort.InferenceSession): number {
  const input = inputMetadata.find(({ name }) => name === "features");
  const columns = input?.isTensor ? input.shape[1] : undefined;
  return typeof columns === "number" ? columns : 0;
}

/** What leaves must be signs: a model exported without them would give far more of the features away. */
async function runModel(session: Ort.InferenceSession, features: Ort.Tensor, path: string): Promise<Float32Array> {
  const [rows] = features.dims;
  let code: Ort.Tensor | undefined;
  try {
    ({ code } = await session.run({ features }, ["code"]));
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw codeServingFault("BAD_MODEL", `${path} cannot be run on these features; export it again`, cause);
  }
  const signs = code?.data;
  const bits = code?.dims[1] ?? 0;
  if (!(signs instanceof Float32Array) || signs.length !== rows! * bits || bits < 1 || bits > limits.codeBitsMax)
    throw codeServingFault("BAD_MODEL", `${path} gives no codes of 1 to ${String(limits.codeBitsMax)} bits`);
  if (!signs.every((sign) => sign === 1 || sign === -1))
    throw codeServingFault("BAD_MODEL", `${path} releases numbers that are no signs; export the model of a hashed run`);
  return signs;
}
