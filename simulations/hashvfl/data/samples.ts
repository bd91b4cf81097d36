/** Values of one feature as they were read, shape [rows]. Numbers are finite as float32 too. */
export type Column =
  | { readonly kind: "numbers"; readonly name: string; readonly values: ArrayLike<number> }
  | { readonly kind: "categories"; readonly name: string; readonly values: readonly string[] };

export interface PartyColumns {
  readonly name: string;
  readonly columns: readonly Column[];
  /** What shares a mean and a scale: each column its own, or all of the party's, as of an image's pixels. */
  readonly scaling: "columns" | "party";
}

/** Rows of all parties, aligned, before they are split and scaled. */
export interface Samples {
  readonly name: string;
  /** All different, shape [rows]. */
  readonly ids: readonly string[];
  /** Shape [rows]; equal text is the same class. */
  readonly labels: readonly string[];
  readonly parties: readonly PartyColumns[];
}
