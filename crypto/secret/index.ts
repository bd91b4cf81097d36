export { RlweAsker } from "./rlwe-asker.ts";
export { QueryKey } from "./query-key.ts";
export { OpenedQuery, type QueryOpening } from "./opened-query.ts";
export {
  type PairwiseKey,
  type PairwiseKeyOptions,
  type ShareMasks,
  maskShare,
  pairwiseKey,
  seedMask,
} from "./pairwise-key.ts";
