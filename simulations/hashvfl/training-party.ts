/** What all parties of one run are told. */
export interface PartySettings {
  /** Name of the run; a party keeps one model and one checkpoint for each. */
  readonly run: string;
  /** Weights and noise follow from it, the run's name and the party's name. */
  readonly seed: number;
  /** Length of a code, 1..64. */
  readonly bits: number;
  /** Widths of the bottom model's hidden layers. */
  readonly hidden: readonly number[];
  readonly batchNorm: boolean;
  /** `codes`: signs, with the straight-through gradient; `floats`: what the sign would be taken of. */
  readonly release: "codes" | "floats";
  /** Weight of |h - sign(h)|^3 in the party's own loss (Su et al., "Greedy Hash", NeurIPS 2018); 0 without. */
  readonly greedyPenalty: number;
  /** Laplace noise of scale 2 / epsilon on every released entry; null without. */
  readonly laplaceEpsilon: number | null;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** The learning rate is multiplied by `stepFactor` after every `stepEpochs` epochs. */
  readonly stepEpochs: number;
  readonly stepFactor: number;
}

export type SplitName = "train" | "test";

export interface PartyShape {
  readonly features: number;
  readonly rows: Readonly<Record<SplitName, number>>;
}

/**
 * What the training server asks of a party. In memory it is the party itself; between processes it stands for one, and only what these methods take
 * and return crosses. Calls come one at a time. Whatever a remote party or its connection fails at rejects with a coded fault (PARTY_LEFT).
 */
export interface TrainingParty {
  readonly name: string;
  shape(): Promise<PartyShape>;
  /**
   * Starts a run with fresh weights, or goes on from the checkpoint written at the end of an epoch.
   *
   * @param epochsDone - 0 starts afresh.
   * @throws Fault CHECKPOINT_MISSING where there is none for that epoch.
   */
  begin(settings: PartySettings, epochsDone: number): Promise<void>;
  /**
   * What the bottom model releases for these rows, shape [rows, bits]; entries are -1 or 1 for codes without noise.
   *
   * @param rows - Indices into the split.
   * @param training - Whether batch statistics are taken and kept with the activations for {@link backward}; otherwise running ones are used.
   */
  forward(split: SplitName, rows: Uint32Array, training: boolean): Promise<Float32Array>;
  /** One optimiser step. @param gradient - Of the server's loss by what the last training {@link forward} released, shape [rows, bits]. */
  backward(gradient: Float32Array): Promise<void>;
  /** Steps the learning rate's schedule and writes the checkpoint of the run. @param epochsDone - Epochs of the run that have ended, from 1. */
  endEpoch(epochsDone: number): Promise<void>;
  /** Writes the run's bottom model where the party keeps its models, as ONNX. */
  exportModel(run: string): Promise<void>;
}
