import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { refuseSharedMode } from "../private-file.ts";
import { type AnswerFaultCode, answerFault } from "./faults.ts";
import { answerLimits } from "./limits.ts";

/**
 * Reads an endpoint's key: a file with nothing else in it but a line end.
 *
 * @throws Fault API_KEY_MISSING, API_KEY_MODE (group or others have any right to it), API_KEY_MALFORMED.
 */
export function readApiKey(path: string): string {
  const file = openThere(path);
  try {
    const found = fstatSync(file);
    refuseSharedMode<AnswerFaultCode>({ path, mode: found.mode, what: "API key file", code: "API_KEY_MODE" });
    const key =
      found.isFile() && found.size <= 2 * answerLimits.apiKeyCharsMax ? readFileSync(file, "utf8").trim() : "";
    // What a header may hold; anything else is another file.
    if (/^[\x21-\x7e]+$/.test(key) && key.length <= answerLimits.apiKeyCharsMax) return key;
    throw answerFault(
      "API_KEY_MALFORMED",
      `${path} holds no key: expected one line of at most ${answerLimits.apiKeyCharsMax} letters, digits and signs without spaces; copy the key into it once more`,
    );
  } finally {
    closeSync(file);
  }
}

function openThere(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw answerFault("API_KEY_MISSING", `the API key file ${path} cannot be read; check the path`, cause);
  }
}
