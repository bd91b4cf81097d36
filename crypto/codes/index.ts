export type { CodeFaultCode } from "./code-fault.ts";
export { type FitOptions, type RetrievalCoderParameters, RetrievalCoder } from "./retrieval-coder.ts";
export type { Sample } from "./sample.ts";
export { hammingDistance } from "./hamming-distance.ts";
export { HammingIndex, type HammingIndexOptions } from "./hamming-index.ts";
export type { HammingNeighbour } from "./hamming-block.ts";
export { type RefinedCoderParameters, type RefinedFitOptions, RefinedCoder } from "./refined-coder.ts";
