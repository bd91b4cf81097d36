import { Fault } from "../../crypto/index.ts";
import type { PartySettings, SplitName, TrainingParty } from "../../simulations/hashvfl/training-party.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

export const settings = (changes: Partial<PartySettings> = {}): PartySettings => ({
  run: "hashed",
  seed: 1,
  bits: 5,
  hidden: [],
  batchNorm: false,
  release: "codes",
  greedyPenalty: 0,
  laplaceEpsilon: null,
  learningRate: 0.1,
  weightDecay: 0.0001,
  stepEpochs: 10,
  stepFactor: 0.1,
  ...changes,
});

/** A linear model trained by plain gradient descent, which is enough to see that every number arrives. Remembers what was done to it. */
export class SmallParty implements TrainingParty {
  readonly name: string;
  readonly calls: string[] = [];
  readonly exported: string[] = [];
  readonly #rows: Readonly<Record<SplitName, readonly Float32Array[]>>;
  readonly #checkpoints = new Map<string, Float32Array>();
  #settings: PartySettings = settings();
  #weights = new Float32Array(0);
  #batch: Uint32Array = new Uint32Array(0);

  constructor(name: string, { features = 3, train = 20, test = 10 } = {}) {
    this.name = name;
    const random = seededRandom(name.length);
    const rows = (count: number): Float32Array[] =>
      Array.from({ length: count }, () => Float32Array.from({ length: features }, () => random() - 0.5));
    this.#rows = { train: rows(train), test: rows(test) };
  }

  async shape() {
    const { train, test } = this.#rows;
    return { features: train[0]!.length, rows: { train: train.length, test: test.length } };
  }

  async begin(given: PartySettings, epochsDone: number) {
    this.calls.push("begin");
    this.#settings = given;
    const random = seededRandom(given.seed);
    const weights =
      epochsDone === 0
        ? Float32Array.from({ length: this.#rows.train[0]!.length * given.bits }, () => random() - 0.5)
        : this.#checkpoints.get(`${given.run} ${String(epochsDone)}`);
    if (!weights) throw new Fault("CHECKPOINT_MISSING", "there is none at /home/somebody/checkpoints");
    this.#weights = weights.slice();
  }

  async forward(split: SplitName, rows: Uint32Array, training: boolean) {
    this.calls.push("forward");
    const { bits, release } = this.#settings;
    if (training) this.#batch = rows;
    const released = new Float32Array(rows.length * bits);
    rows.forEach((row, r) => {
      this.#rows[split][row]!.forEach((value, i) => {
        for (let b = 0; b < bits; b++) released[r * bits + b]! += value * this.#weights[i * bits + b]!;
      });
    });
    return release === "codes" ? released.map((value) => (value >= 0 ? 1 : -1)) : released;
  }

  async backward(gradient: Float32Array) {
    this.calls.push("backward");
    const { bits, learningRate } = this.#settings;
    this.#batch.forEach((row, r) => {
      this.#rows.train[row]!.forEach((value, i) => {
        for (let b = 0; b < bits; b++) this.#weights[i * bits + b]! -= learningRate * value * gradient[r * bits + b]!;
      });
    });
  }

  async endEpoch(epochsDone: number) {
    this.#checkpoints.set(`${this.#settings.run} ${String(epochsDone)}`, this.#weights.slice());
  }

  async exportModel(run: string) {
    this.exported.push(run);
  }
}
