import type { Federation } from "./federation.ts";
import type { HopMessage } from "./messages.ts";

type Send = (message: HopMessage) => void;

/** Said by each side once, on every connection. */
export function offerRevision({ terms: { revision } }: Federation, send: Send): void {
  send({ type: "federation-revision", revision });
}

/**
 * Both sides of a hop end up with the newer of their federation files.
 *
 * @returns Whether the message was one about that.
 * @throws Fault as {@link Federation.update}.
 */
export function takeUpFederation(federation: Federation, message: HopMessage, send: Send): boolean {
  if (message.type === "federation") federation.update(message.file);
  else if (message.type !== "federation-revision") return false;
  else if (message.revision < federation.terms.revision) send({ type: "federation", file: federation.file });
  return true;
}
