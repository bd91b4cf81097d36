/** `quick`: two minutes on two cores; `standard`: a quarter of an hour; `full`: as long as it takes. */
export type Effort = "quick" | "standard" | "full";
export const EFFORTS: readonly Effort[] = ["quick", "standard", "full"];

/** What is attacked and how hard; plain data, for it is sent to the processes that attack. */
export interface EvaluationSettings {
  readonly effort: Effort;
  readonly seed: number;
  /** Holds `beir/`, `mnist/`, `vfl/`; null when there is none on this machine. */
  readonly dataFolder: string | null;
  /** Somebody's own collection, in place of a set of the data folder. */
  readonly corpus: {
    /** `corpus.jsonl`. */
    readonly documents: string;
    /** `queries.jsonl`. */
    readonly queries: string;
    readonly qrels: string | null;
  } | null;
  /** Encoder specs; the first is what most attacks use. */
  readonly encoders: readonly string[];
  /** Of CAPRISE, as a share of the encoder's normMax. */
  readonly beta: number;
  /** Of DistanceDP, per unit of distance between questions of norm 1; null for none. */
  readonly epsilon: number | null;
  readonly rotation: boolean;
  readonly scoreBits: number;
  /** Passages a question fetches. */
  readonly k: number;
  /** Questions that one querier may ask of a party; null for no budget. */
  readonly queryBudget: number | null;
}

/** As `sotto collection create` and `sotto federation create` have them. */
export const DEFAULTS = {
  seed: 1,
  beta: 1,
  epsilon: null,
  rotation: true,
  scoreBits: 14,
  k: 5,
} as const;
