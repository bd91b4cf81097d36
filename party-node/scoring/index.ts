export { type ScoringIndexOptions, openScoringIndex } from "./open-index.ts";
