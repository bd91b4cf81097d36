export { type CollectionFaultCode, type EncodedCollection, encodeCollection } from "./collection.ts";
export type { Cell, Quality } from "./cell.ts";
export type { Leakage } from "./leakage.ts";
export { drawTuning } from "./plot.ts";
export { type Recommendation, recommend } from "./recommendation.ts";
export { gridTable, leakageTable } from "./tables.ts";
export { type BetaResult, type TuneOptions, type TuneResult, tuneSealing } from "./tune.ts";
export { inWords } from "./words.ts";
