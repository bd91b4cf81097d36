import type { KeyringEntry } from "../keyring/index.ts";

/** Encoders of unit norm promise a little more, for rounding. */
const UNIT_NORM_MAX = 1.01;

/**
 * How the host is to search. A graph finds the neighbours of questions that lie among the rows, as they do where all norms are one; where norms differ,
 * the coordinate that evens them out puts every question far from all rows. A `double` collection is not searched by vectors.
 */
export function hostedSearchOf({ mode, encoder }: Pick<KeyringEntry, "mode" | "encoder">): "exact" | "approximate" {
  return mode === "outsourced" && encoder.normMax <= UNIT_NORM_MAX ? "approximate" : "exact";
}
