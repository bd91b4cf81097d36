import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Fault } from "../../crypto/index.ts";
import { DocumentParser } from "../../party-node/documents/index.ts";
import { type Finding, advice, broken, ok, reasonOf } from "./finding.ts";

const run = promisify(execFile);
const DEVICE_PROCESS = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./device-process.ts" : "./device-process.js", import.meta.url),
);
/** A driver that hangs is one that does not work. */
const DEVICE_TIMEOUT_MS = 20_000;

/** Loads what is not JavaScript; loading is the test. */
export async function installation(): Promise<Finding[]> {
  return [await crypto(), await documents(), await search(), ...(await devices())];
}

async function crypto(): Promise<Finding> {
  try {
    await import("../../crypto/secret/index.ts");
    return ok("cryptography", "SEAL at its 192-bit level, libsodium and the SIMD kernels load");
  } catch (error) {
    return broken("cryptography", `does not load (${reasonOf(error)}); install again, on Node 24.20 or newer`);
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
  try {
    await import("onnxruntime-node");
  } catch (error) {
    return [advice("onnxruntime", `${whyNotLoaded(error)}; the lexical encoder works without it, ONNX models do not`)];
  }
  const asked = process.env["SOTTO_DEVICE"];
  if (asked !== undefined && !["cpu", "webgpu", "cuda"].includes(asked))
    return [broken("onnxruntime", "SOTTO_DEVICE names no device; set it to cuda, webgpu or cpu, or unset it")];
  const [cuda, webgpu, cpu] = await Promise.all([runs("cuda"), runs("webgpu"), runs("cpu")]);
  const works = { cuda, webgpu, cpu };
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

async function runs(device: string): Promise<boolean> {
  try {
    await run(process.execPath, [DEVICE_PROCESS, device], { timeout: DEVICE_TIMEOUT_MS, killSignal: "SIGKILL" });
    return true;
  } catch {
    return false;
  }
}
