export { Fault } from "./fault.ts";
export { hexOf } from "./hex.ts";
export { sodium } from "./sodium.ts";
export type * from "./scoring.ts";
export { isOccupied, occupancy } from "./scoring.ts";
export {
  type ParameterFaultCode,
  type RingLayout,
  type ScoringParameters,
  MODULUS,
  RING_DEGREE,
  ringLayout,
  scoreErrorMax,
  scoreStandardDeviation,
  totalBounds,
} from "./rlwe/parameters.ts";
export { RlweIndex, type RlweIndexOptions } from "./rlwe/rlwe-index.ts";
export { LocalShard } from "./rlwe/local-shard.ts";
export { BlockShard, type EncodedBlock } from "./rlwe/block-shard.ts";
export type { Shard, ShardBlock } from "./rlwe/shard.ts";
export { WasmKernels } from "./rlwe/wasm-kernels.ts";
export {
  SHARE_CHECKS,
  addResidues,
  readResidues,
  residueBytes,
  shareChecks,
  subtractResidues,
  uniformResidues,
} from "./rlwe/share.ts";
export { SharedQuery } from "./rlwe/shared-query.ts";
export { vectorProblem } from "./rlwe/block-layout.ts";
export { deriveSeed } from "./rlwe/public-randomness.ts";
export { ClearAsker, ClearScorer } from "./clear-scheme.ts";
export { CapriseKey, type PlainRow, type QueryOptions, type RowVersion } from "./dcpe/caprise-key.ts";
export { type CapriseFaultCode, type CapriseParameters, capriseLayout } from "./dcpe/parameters.ts";
export { type LiftedNorms, distanceOfInnerProduct, innerProductOfDistance, liftedNorm } from "./dcpe/lift.ts";
export { type Perturbation, SAP_SHARE, STORED_SHARE, ScaleAndPerturb } from "./dcpe/scale-and-perturb.ts";
export { type QuestionNoiseOptions, doubleNoise, questionNoise } from "./dcpe/question-noise.ts";
export { type RankProfile, measureRankProfile, profileRanks } from "./dcpe/rank-profile.ts";
export {
  type HelperFaultCode,
  type IntersectionFaultCode,
  type IntersectionOptions,
  type PointFaultCode,
  type Ristretto,
  IntersectingParty,
  POINT_BYTES,
  commonPositions,
  loadRistretto,
} from "./psi/index.ts";
export {
  type CandidateCount,
  type CandidateCountOptions,
  CANDIDATES_MAX,
  candidateCount,
} from "./dcpe/candidate-count.ts";
export * from "./codes/index.ts";
