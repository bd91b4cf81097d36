import { STATUS_CODES, type ServerResponse } from "node:http";
import { Fault } from "../../crypto/index.ts";
import { sendBody } from "./send.ts";

/** What a local server itself refuses. */
export type HttpFaultCode =
  | "HOST_REFUSED"
  | "ORIGIN_REFUSED"
  | "TOKEN_REFUSED"
  | "ADDRESS_MALFORMED"
  | "NOT_FOUND"
  | "METHOD_REFUSED"
  | "BODY_NOT_JSON"
  | "BODY_TOO_LARGE"
  | "BODY_MALFORMED"
  | "BODY_INVALID"
  | "TOO_MANY_REQUESTS"
  | "CLOSING"
  | "PORT_UNUSABLE";

const STATUSES: Readonly<Record<string, number>> = {
  HOST_REFUSED: 421,
  ORIGIN_REFUSED: 403,
  TOKEN_REFUSED: 401,
  ADDRESS_MALFORMED: 400,
  NOT_FOUND: 404,
  METHOD_REFUSED: 405,
  BODY_NOT_JSON: 415,
  BODY_TOO_LARGE: 413,
  BODY_MALFORMED: 400,
  TOO_MANY_REQUESTS: 503,
  CLOSING: 503,
  BUSY: 503,
  CONNECTION_REFUSED: 502,
  CONNECTION_LOST: 502,
  DEADLINE_EXCEEDED: 504,
};
/** Of faults that are not above: the request was understood, and cannot be done. */
const STATUS_OF_FAULT = 422;

/** Problem details of RFC 9457, with the fault's code. */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

/** A fault with its code and sentence; of anything else nothing but that it is a bug, for its message may quote what was asked. */
export function problemOf(error: unknown): Problem {
  const isFault = error instanceof Fault;
  const status = isFault ? (STATUSES[error.code] ?? STATUS_OF_FAULT) : 500;
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "",
    status,
    code: isFault ? error.code : "INTERNAL",
    detail: isFault ? error.message : "this is a bug in Sotto; the process that serves this has printed where",
  };
}

/** Answers with {@link problemOf} as `application/problem+json`; ends the connection where an answer has begun. */
export function sendProblem(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(error);
  if (problem.status === 401) response.setHeader("www-authenticate", "Bearer");
  if (problem.status === 503) response.setHeader("retry-after", "1");
  // What is left of a body that was refused is not read.
  if (!response.req.complete) response.setHeader("connection", "close");
  sendBody(response, { status: problem.status, type: "application/problem+json", body: JSON.stringify(problem) });
}
