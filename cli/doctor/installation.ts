import type * as Ort from "onnxruntime-node";
import { Fault } from "../../crypto/index.ts";
import { DocumentParser } from "../../party-node/documents/index.ts";
import { type Finding, advice, broken, ok, reasonOf } from "./finding.ts";

/** A whole ONNX model, y = x (opset 17): enough for a device to show that it works. */
const IDENTITY_MODEL = "CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCAhAR";

/** Loads what is not JavaScript; loading is the test. */
export async function installation(): Promise<Finding[]> {
  return [await crypto(), await documents(), await search(), ...(await devices())];
}

async function crypto(): Promise<Finding> {
  try {
    await import("../../crypto/secret/index.ts");
    return ok("cryptography", "SEAL at its 192-bit level, libsodium and the SIMD kernels load");
  } catch (error) {
    return broken("cryptography", `does not load (${reasonOf(error)}); install again, on Node 24.7 or newer`);
  }
}

/** Whether the process that parses documents starts here. */
async function documents(): Promise<Finding> {
  await using parser = new DocumentParser();
  try {
    const read = await parser.parse("csv", Buffer.from("column\nvalue"));
    if (!("reason" in read)) return ok("documents", "PDF, Office files, e-mail and others can be read");
    return broken("documents", "only text, Markdown and JSONL can be read; install again");
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return broken("documents", `only text, Markdown and JSONL can be read: ${error.message.split(". ")[0] ?? ""}`);
  }
}

async function search(): Promise<Finding> {
  try {
    await import("usearch");
    return ok("usearch", "loads; hosts search sealed collections by it");
  } catch (error) {
    return advice("usearch", `${whyNotLoaded(error)}; only a host of collections and \`sotto seal tune\` need it`);
  }
}

/** Of an optional package. */
function whyNotLoaded(error: unknown): string {
  const isAbsent = (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
  return isAbsent
    ? "left out when Sotto was installed; install it again without --omit=optional where it is wanted"
    : `does not load (${reasonOf(error)}); install Sotto again`;
}

/** What encoders of ONNX models can run on, each device tried with a model of one node. */
async function devices(): Promise<Finding[]> {
  let ort: typeof Ort;
  try {
    ort = await import("onnxruntime-node");
  } catch (error) {
    return [advice("onnxruntime", `${whyNotLoaded(error)}; the lexical encoder works without it, ONNX models do not`)];
  }
  const asked = process.env["SOTTO_DEVICE"];
  if (asked !== undefined && !["cpu", "webgpu", "cuda"].includes(asked))
    return [broken("onnxruntime", "SOTTO_DEVICE names no device; set it to cuda, webgpu or cpu, or unset it")];
  const works = {
    cuda: await runs(ort, "cuda"),
    webgpu: await runs(ort, "webgpu"),
    cpu: await runs(ort, "cpu"),
  };
  const used = asked ?? Object.entries(works).find(([, does]) => does)?.[0];
  return [
    works.cpu
      ? ok("onnxruntime", "runs models on the processor")
      : broken("onnxruntime", "runs no model; install again"),
    works.webgpu
      ? ok("GPU (WebGPU)", "works")
      : ok(
          "GPU (WebGPU)",
          "no adapter: needs a GPU with its Vulkan driver (Linux), Metal (macOS) or Direct3D 12 (Windows)",
        ),
    works.cuda
      ? ok("GPU (CUDA)", "works")
      : ok(
          "GPU (CUDA)",
          "not there: needs an NVIDIA driver, and onnxruntime-node installed without ONNXRUNTIME_NODE_INSTALL=skip",
        ),
    asked !== undefined && !works[asked as keyof typeof works]
      ? broken("device", `SOTTO_DEVICE asks for ${asked}, which does not work here; unset it to use what does`)
      : ok(
          "device",
          `ONNX models run on ${used ?? "nothing"}${asked === undefined ? ", the first that works; SOTTO_DEVICE names another" : ", as SOTTO_DEVICE says"}`,
        ),
  ];
}

async function runs(ort: typeof Ort, device: string): Promise<boolean> {
  ort.env.logLevel = "fatal";
  try {
    const model = Buffer.from(IDENTITY_MODEL, "base64");
    const session = await ort.InferenceSession.create(model, { executionProviders: [device], logSeverityLevel: 4 });
    await session.run({ x: new ort.Tensor("float32", [1], [1]) });
    await session.release();
    return true;
  } catch {
    return false;
  }
}
