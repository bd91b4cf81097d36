export type { ModelFaultCode } from "./faults.ts";
export { KNOWN_MODELS, knownModel } from "./known-models.ts";
export { readManifest, MODEL_LIMITS, type ModelFile, type ModelManifest } from "./manifest.ts";
export { pullModel, type PullOptions, type PullProgress } from "./pull.ts";
