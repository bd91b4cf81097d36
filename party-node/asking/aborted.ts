import { Fault } from "../../crypto/index.ts";

/** What a question that its caller has stopped ends with. */
export function abortedFault(): Fault {
  return new Fault("ABORTED", "the query was cancelled");
}

/** @throws Fault ABORTED. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedFault();
}
