import { Fault } from "../../crypto/index.ts";

/**
 * - CODES_MISSING: there is no folder, model or table to serve codes from.
 * - FEATURES_MALFORMED: the table of features is not one, or not the model's.
 * - BAD_MODEL: the model is not a bottom model.
 * - NOT_CODE_READER: a member asks for codes whom the node does not serve them to.
 * - CODES_SPENT: a member has asked for as many entities as it may.
 * - BUDGET_MALFORMED: the file of what was asked is damaged.
 */
export type CodeServingFaultCode =
  "CODES_MISSING" | "FEATURES_MALFORMED" | "BAD_MODEL" | "NOT_CODE_READER" | "CODES_SPENT" | "BUDGET_MALFORMED";

export function codeServingFault(code: CodeServingFaultCode, message: string, cause?: unknown): Fault {
  return new Fault<CodeServingFaultCode>(code, message, cause);
}
