import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { readMemberRecord, writeMemberRecord } from "../member-record.ts";

/** ANSWERED_MALFORMED: the file of what was answered is damaged. */
export type LastAskedFaultCode = "QUERY_REPEATED" | "ANSWERED_MALFORMED";

/**
 * When the last query of each querier that this party has answered was signed, kept in a file so that a restart does not let one be answered again.
 *
 * A query's pairwise masks follow from the query alone. Two shares for one query, of before and after a change of the store, would differ by nothing but
 * this party's own scores and masks that the querier is told: whoever queries and coordinates would read the difference.
 */
export class LastAsked {
  readonly #path: string;
  /** As it was when the process started; queries since then are remembered one by one. */
  readonly #before: ReadonlyMap<string, number>;
  readonly #now: Map<string, number>;

  /** @throws Fault ANSWERED_MALFORMED. */
  constructor(path: string) {
    this.#path = path;
    this.#before = readMemberRecord(
      path,
      z.int().min(0),
      (cause) =>
        new Fault<LastAskedFaultCode>(
          "ANSWERED_MALFORMED",
          `${path}, which says until when queries were answered, is damaged; restore it, or remove it once the node has stood still for ten minutes`,
          cause,
        ),
    );
    this.#now = new Map(this.#before);
  }

  /** Notes a query before anything of it is answered. @param issuedAtMs - As signed. @throws Fault QUERY_REPEATED. */
  note(querier: string, issuedAtMs: number): void {
    if (issuedAtMs <= (this.#before.get(querier) ?? -1))
      throw new Fault<LastAskedFaultCode>(
        "QUERY_REPEATED",
        "the query may have been answered before this party was started again; ask anew",
      );
    if (issuedAtMs <= (this.#now.get(querier) ?? -1)) return;
    writeMemberRecord(this.#path, new Map(this.#now).set(querier, issuedAtMs));
    this.#now.set(querier, issuedAtMs);
  }
}
