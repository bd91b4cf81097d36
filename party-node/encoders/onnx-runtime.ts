import type * as Ort from "onnxruntime-node";
import { encoderFault } from "./faults.ts";

/**
 * onnxruntime-node, loaded when it is first needed. It is most of an installation's size and an optional dependency: the lexical encoder does without.
 *
 * @throws Fault ONNX_MISSING.
 */
export async function onnxRuntime(): Promise<typeof Ort> {
  try {
    const ort = await import("onnxruntime-node");
    ort.env.logLevel = "fatal"; // a device that fails is tried and passed over, which is no error
    return ort;
  } catch (cause) {
    throw encoderFault(
      "ONNX_MISSING",
      "onnxruntime-node, which runs models, is not installed or does not load on this machine; npm install onnxruntime-node, or take the lexical encoder.",
      cause,
    );
  }
}
