import type { Federation } from "./federation.ts";
import type { HopMessage } from "./messages.ts";

type Send = (message: HopMessage) => void;

/** Said by each side once, on every connection. */
export function offerRevision({ terms: { revision }, digest }: Federation, send: Send): void {
  send({ type: "federation-revision", revision, digest });
}

/**
 * Both sides of a hop end up with the entries of both their federation files.
 *
 * Of two files of one revision with different entries each side sends its own. A file is answered only by one of more entries, so that an exchange ends even
 * between two that will never agree.
 *
 * @returns Whether the message was one about that.
 * @throws Fault as {@link Federation.update}.
 */
export function takeUpFederation(federation: Federation, message: HopMessage, send: Send): boolean {
  const answer = (): void => {
    send({ type: "federation", file: federation.file });
  };
  if (message.type === "federation") {
    if (federation.exchange(message.file)) answer();
  } else if (message.type !== "federation-revision") return false;
  else if (message.revision <= federation.terms.revision && Buffer.compare(message.digest, federation.digest) !== 0)
    answer();
  return true;
}
