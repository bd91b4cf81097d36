export type { BitBalance, EpochFigures } from "./evaluation.ts";
export {
  type DataShape,
  type ExperimentOptions,
  type ExperimentReport,
  type Progress,
  type RunReport,
  runExperiment,
} from "./experiment.ts";
export type { TrainingFaultCode } from "./fault.ts";
export { LocalParty, type PartyFeatures, localParties } from "./local-party.ts";
export { drawCurves } from "./plot.ts";
export { anomalyInWords, experimentInWords, runsTable } from "./tables.ts";
