export type { CorpusStatistics, Encoder } from "./encoder.ts";
export type { EncoderFaultCode } from "./faults.ts";
export { openEncoder } from "./open-encoder.ts";
export { openHybrid, type WeightedEncoder } from "./hybrid.ts";
export { openLexical } from "./lexical.ts";
export { openOnnx } from "./onnx.ts";
export { assertInRange } from "./range.ts";
export { type Reranker, openReranker } from "./reranker.ts";
