/** Samples whose features lie with several parties, row i being the same entity at each of them. */
export interface VerticalData {
  /** What a person calls it: a preset's name or a file's. */
  readonly name: string;
  /** Names of the classes; a label is an index into them. */
  readonly classes: readonly string[];
  readonly parties: readonly VerticalParty[];
  readonly train: VerticalSplit;
  readonly test: VerticalSplit;
}

export interface VerticalParty {
  readonly name: string;
  /** Names of its features, in the order of the columns. */
  readonly features: readonly string[];
  /** How its features were made of what it holds: (raw - mean) / scale, shapes [features]. Absent where they are used as they are. */
  readonly standardisation?: { readonly mean: Float32Array; readonly scale: Float32Array };
}

export interface VerticalSplit {
  /** Ids of the entities, shape [rows]; no id is in both splits. */
  readonly ids: readonly string[];
  /** Shape [rows]. */
  readonly labels: Uint8Array;
  /** Of each party: row-major, shape [rows, features], finite, standardised by statistics of the training rows alone. */
  readonly features: readonly Float32Array[];
}
