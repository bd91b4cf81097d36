import { Fault } from "../../crypto/fault.ts";

export type TrainingFaultCode =
  | "ABORTED"
  | "BATCH_TOO_SMALL"
  | "BITS_TOO_FEW"
  | "CHECKPOINT_DAMAGED"
  | "CHECKPOINT_MISSING"
  | "CLASS_MISSING"
  | "NOT_FINITE"
  | "OUT_OF_ORDER"
  | "PARTIES_OUT_OF_RANGE"
  | "ROWS_MISALIGNED"
  | "SETTINGS_CHANGED"
  | "SETTINGS_INVALID"
  | "WRONG_SHAPE";

export function trainingFault(code: TrainingFaultCode, message: string, cause?: unknown): Fault {
  return new Fault<TrainingFaultCode>(code, message, cause);
}
