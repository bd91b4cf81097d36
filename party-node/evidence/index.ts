export type { Accusation, Claim } from "./claims.ts";
export { EvidenceFolder, writeEvidence } from "./evidence-folder.ts";
export type { EvidenceFaultCode } from "./faults.ts";
export { type JudgeOptions, type Verdict, judge } from "./judge.ts";
export { readEvidence, revealQuestion } from "./opening.ts";
export { ProvenFault } from "./proven-fault.ts";
