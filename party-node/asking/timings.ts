import type { QueryResult } from "./result.ts";

/** What each step of a query took, from the moments between them. */
export function between({
  began,
  encoded,
  encrypted,
  scored,
  done,
}: Readonly<Record<"began" | "encoded" | "encrypted" | "scored" | "done", number>>): QueryResult["timingsMs"] {
  return {
    encode: encoded - began,
    encrypt: encrypted - encoded,
    scores: scored - encrypted,
    passages: done - scored,
    total: done - began,
  };
}
