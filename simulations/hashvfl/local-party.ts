import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { BottomModel, type BottomState, NORM_EPSILON, freshBottom } from "./bottom-model.ts";
import {
  adamBytes,
  adamForFile,
  epochFile,
  floatBytes,
  floats,
  forgetEpochsBefore,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.ts";
import { trainingFault } from "./fault.ts";
import { loadJax } from "./jax.ts";
import { bottomModelToOnnx } from "./onnx-model.ts";
import { laplaceDraw, randomFor } from "./randomness.ts";
import { rateAfter } from "./schedule.ts";
import type { VerticalData, VerticalParty } from "./vertical-data.ts";
import type { PartySettings, PartyShape, SplitName, TrainingParty } from "./training-party.ts";

/** A party's own features. */
export interface PartyFeatures {
  readonly columns: number;
  /** Row-major, shape [rows, columns]. */
  readonly values: Readonly<Record<SplitName, Float32Array>>;
  /** What was subtracted from each raw column, and what it was divided by; an exported model does the same. */
  readonly standardisation?: VerticalParty["standardisation"] | undefined;
}

/** The parties of some data, in this process. @param folder - Holds a folder a party; null keeps nothing. */
export function localParties({ parties, train, test }: VerticalData, folder: string | null): LocalParty[] {
  return parties.map(
    ({ name, features, standardisation }, i) =>
      new LocalParty({
        name,
        folder: folder === null ? null : join(folder, name),
        features: {
          columns: features.length,
          values: { train: train.features[i]!, test: test.features[i]! },
          standardisation,
        },
      }),
  );
}

interface Run {
  readonly settings: PartySettings;
  readonly model: BottomModel;
  epochsDone: number;
  random: () => number;
}

const checkpointBytes = z.strictObject({
  settings: z.string(),
  epochsDone: z.int().min(1),
  adam: adamBytes,
  running: z.strictObject({ mean: floats, variance: floats, median: floats }),
});

/** The largest difference between two codes in one entry, for Laplace noise. */
export const LAPLACE_SENSITIVITY = 2;

/**
 * A party that trains in this process.
 *
 * Its folder, if it has one, holds a folder a run with the checkpoints of the last two epochs: when a run ends between the parties' checkpoints, all
 * of them still have the last epoch that all have ended.
 */
export class LocalParty implements TrainingParty, Disposable {
  readonly name: string;
  readonly #features: PartyFeatures;
  readonly #folder: string | null;
  #run: Run | null = null;

  /** @param options.folder - Null keeps nothing. */
  constructor({
    name,
    features,
    folder,
  }: {
    readonly name: string;
    readonly features: PartyFeatures;
    readonly folder: string | null;
  }) {
    this.name = name;
    this.#features = features;
    this.#folder = folder;
  }

  shape(): Promise<PartyShape> {
    const { columns, values } = this.#features;
    return Promise.resolve({
      features: columns,
      rows: { train: values.train.length / columns, test: values.test.length / columns },
    });
  }

  /** @throws Fault CHECKPOINT_MISSING, CHECKPOINT_DAMAGED, SETTINGS_CHANGED. */
  async begin(settings: PartySettings, epochsDone: number): Promise<void> {
    this.#end();
    const jax = await loadJax();
    const { columns } = this.#features;
    const state =
      epochsDone === 0
        ? freshBottom(
            [columns, ...settings.hidden, settings.bits],
            randomFor(settings.seed, settings.run, this.name, "weights"),
          )
        : await this.#restore(settings, epochsDone);
    const model = new BottomModel(jax, columns, settings, state);
    this.#run = { settings, model, epochsDone, random: this.#noise(settings, epochsDone) };
  }

  /** @throws Fault OUT_OF_ORDER, WRONG_SHAPE. */
  async forward(split: SplitName, rows: Uint32Array, training: boolean): Promise<Float32Array> {
    const run = this.#running();
    const values = this.#gather(split, rows);
    const released = training ? await run.model.release(values) : await run.model.evaluate(values);
    const { laplaceEpsilon } = run.settings;
    if (laplaceEpsilon === null) return released;
    return released.map((value) => value + laplaceDraw(LAPLACE_SENSITIVITY / laplaceEpsilon, run.random));
  }

  /** @throws Fault OUT_OF_ORDER, WRONG_SHAPE, NOT_FINITE. */
  backward(gradient: Float32Array): Promise<void> {
    const { model, settings, epochsDone } = this.#running();
    if (model.batchRows === 0)
      throw trainingFault("OUT_OF_ORDER", `${this.name} was sent a gradient for nothing it has released`);
    if (gradient.length !== model.batchRows * settings.bits)
      throw trainingFault(
        "WRONG_SHAPE",
        `${this.name} expected a gradient of ${model.batchRows * settings.bits} entries and got ${gradient.length}`,
      );
    if (!gradient.every(Number.isFinite))
      throw trainingFault(
        "NOT_FINITE",
        `${this.name} was sent a gradient that is not finite; try a lower learning rate`,
      );
    model.learn(gradient, rateAfter(epochsDone, settings));
    return Promise.resolve();
  }

  async endEpoch(epochsDone: number): Promise<void> {
    const run = this.#running();
    if (epochsDone !== run.epochsDone + 1)
      throw trainingFault(
        "OUT_OF_ORDER",
        `${this.name} has ended ${run.epochsDone} epochs and was told that ${epochsDone} are done`,
      );
    run.epochsDone = epochsDone;
    run.random = this.#noise(run.settings, epochsDone);
    const folder = this.#runFolder(run.settings.run);
    if (folder === null) return;
    const { adam, running } = await run.model.state();
    await writeCheckpoint(join(folder, epochFile(epochsDone)), {
      settings: fingerprint(run.settings),
      epochsDone,
      adam: adamForFile(adam),
      running: {
        mean: floatBytes(running.mean),
        variance: floatBytes(running.variance),
        median: floatBytes(running.median),
      },
    });
    await forgetEpochsBefore(folder, epochsDone - 1);
  }

  /** Writes `RUN/bottom-model.onnx` into the party's folder. @throws Fault OUT_OF_ORDER. */
  async exportModel(run: string): Promise<void> {
    const { model, settings } = this.#running();
    if (settings.run !== run) throw trainingFault("OUT_OF_ORDER", `${this.name} is not training ${run}`);
    const folder = this.#runFolder(run);
    if (folder === null) return;
    const { adam, running } = await model.state();
    const { batchNorm, release, bits } = settings;
    const widths = [this.#features.columns, ...settings.hidden, bits];
    const layers = widths.slice(1).map((outputs, i) => ({
      weights: adam.weights[2 * i]!,
      bias: adam.weights[2 * i + 1]!,
      inputs: widths[i]!,
      outputs,
    }));
    const { mean, variance, median } = running;
    const gamma = new Float32Array(bits).fill(1);
    const beta = median.map((value) => -value);
    const norm = batchNorm ? { mean, variance, gamma, beta, epsilon: NORM_EPSILON } : null;
    const bytes = bottomModelToOnnx({
      layers,
      batchNorm: norm,
      sign: release === "codes",
      standardise: this.#features.standardisation ?? null,
    });
    const file = join(folder, "bottom-model.onnx");
    await mkdir(folder, { recursive: true });
    await writeFile(`${file}.new`, bytes, { flush: true });
    await rename(`${file}.new`, file);
  }

  /** A copy of the model of the run that goes on. @throws Fault OUT_OF_ORDER. */
  state(): Promise<BottomState> {
    return this.#running().model.state();
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #end(): void {
    this.#run?.model[Symbol.dispose]();
    this.#run = null;
  }

  #running(): Run {
    if (this.#run === null) throw trainingFault("OUT_OF_ORDER", `${this.name} has not begun a run`);
    return this.#run;
  }

  #noise({ seed, run }: PartySettings, epochsDone: number): () => number {
    return randomFor(seed, run, this.name, "noise", epochsDone);
  }

  #runFolder(run: string): string | null {
    if (!/^[a-z0-9][a-z0-9-]{0,127}$/.test(run))
      throw trainingFault("SETTINGS_INVALID", "a run's name is of lower-case letters, digits and dashes, at most 128");
    return this.#folder === null ? null : join(this.#folder, run);
  }

  async #restore(settings: PartySettings, epochsDone: number) {
    const folder = this.#runFolder(settings.run);
    if (folder === null) throw trainingFault("CHECKPOINT_MISSING", `${this.name} keeps no checkpoints`);
    const kept = await readCheckpoint(join(folder, epochFile(epochsDone)), checkpointBytes);
    if (kept.settings !== fingerprint(settings))
      throw trainingFault(
        "SETTINGS_CHANGED",
        `${this.name}'s checkpoint of ${settings.run} is of other settings; run without --resume`,
      );
    return kept;
  }

  #gather(split: SplitName, rows: Uint32Array): Float32Array {
    const { columns, values } = this.#features;
    const all = values[split];
    const gathered = new Float32Array(rows.length * columns);
    rows.forEach((row, i) => {
      if ((row + 1) * columns > all.length)
        throw trainingFault(
          "WRONG_SHAPE",
          `${this.name} has ${all.length / columns} ${split} rows and was asked for one beyond`,
        );
      gathered.set(all.subarray(row * columns, (row + 1) * columns), i * columns);
    });
    return gathered;
  }
}

/** The same for the same settings, in whatever order they came. */
function fingerprint(settings: PartySettings): string {
  return JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
}
