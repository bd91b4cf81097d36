/** Which blocks of code have run. */
export interface Coverage {
  /** Forgets all. */
  reset: () => void;
  /** How many blocks have run for the first time since it was asked last. */
  fresh: () => number;
  /** Blocks of the project's own code that have run since {@link reset}. */
  own: () => number;
}

/** For a fuzzer that is not guided. */
export const noCoverage: Coverage = { reset: () => undefined, fresh: () => 0, own: () => 0 };
