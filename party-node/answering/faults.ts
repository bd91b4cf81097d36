import { Fault } from "../../crypto/fault.ts";

/**
 * - ENDPOINT_URL: the address of an endpoint cannot be used as it is written.
 * - ENDPOINT_UNRESOLVED, ENDPOINT_UNREACHABLE: its name has no address; nothing answers there, or not with a certificate to trust.
 * - ENDPOINT_NOT_LOCAL: it is not on this machine, and only this machine is wanted.
 * - ENDPOINT_INSECURE: it is elsewhere and the way there is not encrypted.
 * - ENDPOINT_NOT_AGREED: nobody has agreed that it sees questions and passages.
 * - AGREEMENTS_MALFORMED: the file of agreements is damaged.
 * - API_KEY_MISSING, API_KEY_MODE, API_KEY_MALFORMED: the file with the endpoint's key is absent, open to others, or holds no key.
 * - ENDPOINT_UNAUTHORIZED, ENDPOINT_NOT_FOUND, ENDPOINT_BUSY, ENDPOINT_REFUSED, ENDPOINT_FAILED, ENDPOINT_REDIRECTS: what its status says.
 * - ENDPOINT_MALFORMED: what it sends is no chat completion.
 * - ANSWER_REFUSED: the endpoint withheld the answer by a rule of its own.
 * - ANSWER_EMPTY, ANSWER_CUT_OFF, ANSWER_TOO_LONG, ANSWER_TIMEOUT: the answer has no text, breaks off, does not end, or takes too long.
 * - ABORTED: the caller's signal.
 */
export type AnswerFaultCode =
  | "ENDPOINT_URL"
  | "ENDPOINT_UNRESOLVED"
  | "ENDPOINT_UNREACHABLE"
  | "ENDPOINT_NOT_LOCAL"
  | "ENDPOINT_INSECURE"
  | "ENDPOINT_NOT_AGREED"
  | "AGREEMENTS_MALFORMED"
  | "API_KEY_MISSING"
  | "API_KEY_MODE"
  | "API_KEY_MALFORMED"
  | "ENDPOINT_UNAUTHORIZED"
  | "ENDPOINT_NOT_FOUND"
  | "ENDPOINT_BUSY"
  | "ENDPOINT_REFUSED"
  | "ENDPOINT_FAILED"
  | "ENDPOINT_REDIRECTS"
  | "ENDPOINT_MALFORMED"
  | "ANSWER_REFUSED"
  | "ANSWER_EMPTY"
  | "ANSWER_CUT_OFF"
  | "ANSWER_TOO_LONG"
  | "ANSWER_TIMEOUT"
  | "ABORTED";

/**
 * No message and no cause may hold anything that an endpoint sent, for it may quote the question and the passages. Node puts what is no HTTP into the error that it
 * throws (`rawPacket`): that error is never a cause here.
 */
export function answerFault(code: AnswerFaultCode, message: string, cause?: unknown): Fault {
  return new Fault(code, message, cause);
}

/** @param what - What is wrong with what the endpoint sends, as the end of a sentence. */
export function malformed(what: string): Fault {
  return answerFault(
    "ENDPOINT_MALFORMED",
    `what the endpoint sends ${what}; check that its address is that of an OpenAI-compatible interface, mostly ending in /v1`,
  );
}
