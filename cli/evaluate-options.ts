/** Of `sotto evaluate security`. */
export interface EvaluateOptions {
  readonly quick: boolean;
  readonly full: boolean;
  readonly only?: readonly string[];
  readonly corpus?: string;
  readonly queries?: string;
  readonly qrels?: string;
  readonly data?: string;
  readonly encoder?: readonly string[];
  readonly beta: number;
  readonly epsilon?: number;
  readonly rotation: boolean;
  readonly scoreBits: number;
  readonly k: number;
  readonly queryBudget?: number;
  readonly seed: number;
  readonly processes: number;
  readonly out?: string;
  readonly json: boolean;
}
