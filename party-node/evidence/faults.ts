/**
 * - `EVIDENCE_MISSING`: there is no such file.
 * - `EVIDENCE_MALFORMED`: a file is no evidence.
 * - `EVIDENCE_NOT_OURS`: only who found it can do that.
 * - `QUESTION_SEALED`: others could verify it only if they saw the question.
 */
export type EvidenceFaultCode = "EVIDENCE_MISSING" | "EVIDENCE_MALFORMED" | "EVIDENCE_NOT_OURS" | "QUESTION_SEALED";
