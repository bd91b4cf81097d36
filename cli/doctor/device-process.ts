// Whether a device runs ONNX models, for `sotto doctor`: exits with 0 where it does. In a process of its own, for drivers print, and crash.
import type * as Ort from "onnxruntime-node";

/** A whole ONNX model, y = x (opset 17): enough for a device to show that it works. */
const IDENTITY_MODEL = "CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCAhAR";

const [device = ""] = process.argv.slice(2);
const ort: typeof Ort = await import("onnxruntime-node");
ort.env.logLevel = "fatal";
const model = Buffer.from(IDENTITY_MODEL, "base64");
const session = await ort.InferenceSession.create(model, { executionProviders: [device], logSeverityLevel: 4 });
await session.run({ x: new ort.Tensor("float32", [1], [1]) });
await session.release();
