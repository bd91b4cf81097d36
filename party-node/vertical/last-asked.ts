import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import { memberName } from "../../protocol/index.ts";

/** ANSWERED_MALFORMED: the file of what was answered is damaged. */
export type LastAskedFaultCode = "QUERY_REPEATED" | "ANSWERED_MALFORMED";

const times = z.record(memberName, z.int().min(0));

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
    this.#before = read(path);
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
    const all = new Map(this.#now).set(querier, issuedAtMs);
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(Object.fromEntries(all))}\n`, { mode: 0o600, flush: true });
    renameSync(`${this.#path}.new`, this.#path);
    this.#now.set(querier, issuedAtMs);
  }
}

function read(path: string): Map<string, number> {
  if (!existsSync(path)) return new Map();
  try {
    return new Map(Object.entries(times.parse(JSON.parse(readFileSync(path, "utf8")))));
  } catch (cause) {
    throw new Fault<LastAskedFaultCode>(
      "ANSWERED_MALFORMED",
      `${path}, which says until when queries were answered, is damaged; restore it, or remove it once the node has stood still for ten minutes`,
      cause,
    );
  }
}
