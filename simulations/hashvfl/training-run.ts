import { join } from "node:path";
import { z } from "zod";
import { type AdamState } from "./adam.ts";
import { classCounts } from "./check-data.ts";
import { adamBytes, adamForFile, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { drawClassCodes } from "./class-codes.ts";
import { type EpochFigures, epochFigures, evaluate } from "./evaluation.ts";
import { trainingFault } from "./fault.ts";
import { loadJax } from "./jax.ts";
import { randomFor, shuffledIndices } from "./randomness.ts";
import { rateAfter } from "./schedule.ts";
import { TopModel, freshTop } from "./top-model.ts";
import type { TrainingSettings } from "./settings.ts";
import type { PartySettings, TrainingParty } from "./training-party.ts";

/** What sets one run of an experiment apart from the others. */
export interface RunVariant {
  readonly name: string;
  readonly batchNorm: boolean;
  readonly release: PartySettings["release"];
  readonly greedyPenalty: number;
  readonly laplaceEpsilon: number | null;
  readonly consistencyWeight: number;
}

export interface Labels {
  readonly classes: number;
  readonly train: Uint8Array;
  readonly test: Uint8Array;
}

export interface RunOptions {
  readonly settings: TrainingSettings;
  readonly variant: RunVariant;
  /** Asked in this order; in memory or in processes of their own. */
  readonly parties: readonly TrainingParty[];
  readonly labels: Labels;
  /** The server's; holds a folder a run. Null keeps no checkpoint. */
  readonly folder: string | null;
  /** Whether to go on from the server's checkpoint, if there is one. */
  readonly resume: boolean;
  readonly signal?: AbortSignal | undefined;
  /** After every batch: epochs done, with a fraction. */
  readonly onProgress?: ((epochs: number) => void) | undefined;
}

export interface RunResult {
  readonly epochs: readonly EpochFigures[];
  /** Spent in training and evaluation, before an interruption too. */
  readonly seconds: number;
  /** The server's model. */
  readonly top: AdamState;
}

/**
 * Trains the parties' bottom models and the server's top model together. The server holds labels and the order of rows, a party its features.
 *
 * @throws Fault ABORTED, ROWS_MISALIGNED, BATCH_TOO_SMALL, BITS_TOO_FEW, NOT_FINITE, SETTINGS_CHANGED, CHECKPOINT_DAMAGED and what a party rejects
 * with; the checkpoint of the last whole epoch stays usable.
 */
export async function trainRun(options: RunOptions): Promise<RunResult> {
  const { settings, variant, parties, labels, signal, onProgress } = options;
  await checkShapes(options);
  const server = await openServer(options);
  using top = server.top;
  const began = performance.now() - 1000 * server.seconds;
  const secondsNow = (): number => (performance.now() - began) / 1000;
  const epochs = [...server.epochs];
  const asked = partySettings(settings, variant);
  await Promise.all(parties.map((party) => party.begin(asked, epochs.length)));
  while (epochs.length < settings.epochs) {
    const done = epochs.length;
    const order = shuffledIndices(labels.train.length, randomFor(settings.seed, "order", done));
    const batch = Math.min(settings.batch, order.length);
    const steps = Math.floor(order.length / batch);
    let lossSum = 0;
    for (let step = 0; step < steps; step++) {
      throwIfAborted(signal, variant.name, done);
      const rows = order.slice(step * batch, (step + 1) * batch);
      lossSum += await trainBatch(options, top, rows, rateAfter(done, settings));
      onProgress?.(done + (step + 1) / (steps + 1));
    }
    const evaluation = { parties, labels, top, codes: server.codes, bits: settings.bits };
    epochs.push(epochFigures(done + 1, lossSum / steps, await evaluate(evaluation), evaluation));
    await Promise.all(parties.map((party) => party.endEpoch(done + 1)));
    await saveServer(options, { top: await top.state(), epochs, seconds: secondsNow() });
    onProgress?.(done + 1);
  }
  const seconds = server.epochs.length === epochs.length ? server.seconds : secondsNow();
  return { epochs, seconds, top: await top.state() };
}

async function trainBatch(
  { parties, labels }: RunOptions,
  top: TopModel,
  rows: Uint32Array,
  learningRate: number,
): Promise<number> {
  const releases = await Promise.all(parties.map((party) => party.forward("train", rows, true)));
  const ofBatch = Uint8Array.from(rows, (row) => labels.train[row]!);
  const { loss, gradients } = await top.learn(releases, ofBatch, learningRate);
  if (!Number.isFinite(loss))
    throw trainingFault("NOT_FINITE", "the loss is not finite any more; try a lower learning rate");
  await Promise.all(parties.map((party, i) => party.backward(gradients[i]!)));
  return loss;
}

async function checkShapes({ parties, labels, settings, variant }: RunOptions): Promise<void> {
  const batch = Math.min(settings.batch, labels.train.length);
  if (variant.batchNorm && batch < 2)
    throw trainingFault("BATCH_TOO_SMALL", "batch normalisation needs batches of at least 2 rows");
  for (const party of parties) {
    const { rows } = await party.shape();
    for (const split of ["train", "test"] as const)
      if (rows[split] !== labels[split].length)
        throw trainingFault(
          "ROWS_MISALIGNED",
          `${party.name} has ${rows[split]} ${split} rows, the server ${labels[split].length} labels; align them first`,
        );
  }
}

function partySettings(settings: TrainingSettings, variant: RunVariant): PartySettings {
  const { seed, bits, bottomHidden: hidden, learningRate, weightDecay, stepEpochs, stepFactor } = settings;
  const { name: run, batchNorm, release, greedyPenalty, laplaceEpsilon } = variant;
  return {
    run,
    seed,
    bits,
    hidden,
    batchNorm,
    release,
    greedyPenalty,
    laplaceEpsilon,
    learningRate,
    weightDecay,
    stepEpochs,
    stepFactor,
  };
}

interface ServerState {
  readonly top: AdamState;
  readonly epochs: readonly EpochFigures[];
  readonly seconds: number;
}

const checkpointBytes = z.strictObject({
  settings: z.string(),
  top: adamBytes,
  epochs: z.string().transform((text) => JSON.parse(text) as EpochFigures[]),
  seconds: z.number(),
});

async function openServer(
  options: RunOptions,
): Promise<{ top: TopModel; codes: Float32Array[]; epochs: readonly EpochFigures[]; seconds: number }> {
  const { settings, variant, parties, labels } = options;
  const { seed, bits, topHidden: hidden, weightDecay } = settings;
  const codes = drawClassCodes(classCounts(labels.train, labels.classes), bits, randomFor(seed, "class codes"));
  const kept = await keptServer(options);
  const { consistencyWeight, name } = variant;
  const topSettings = { parties: parties.length, bits, hidden, consistencyWeight, weightDecay };
  const state = kept?.top ?? freshTop(topSettings, labels.classes, randomFor(seed, name, "top"));
  const top = new TopModel(await loadJax(), topSettings, codes, state);
  return { top, codes, epochs: kept?.epochs ?? [], seconds: kept?.seconds ?? 0 };
}

const serverFile = (folder: string, run: string): string => join(folder, run, "top-model.cbor");

async function keptServer(options: RunOptions): Promise<ServerState | null> {
  const { folder, resume, variant } = options;
  if (folder === null || !resume) return null;
  const kept = await readCheckpoint(serverFile(folder, variant.name), checkpointBytes).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "CHECKPOINT_MISSING") return null;
    throw error;
  });
  if (kept && kept.settings !== fingerprint(options))
    throw trainingFault(
      "SETTINGS_CHANGED",
      `the checkpoint of ${variant.name} is of other settings or data; give the same ones, or run without --resume`,
    );
  return kept;
}

async function saveServer(options: RunOptions, { top, epochs, seconds }: ServerState): Promise<void> {
  const { folder, variant } = options;
  if (folder === null) return;
  await writeCheckpoint(serverFile(folder, variant.name), {
    settings: fingerprint(options),
    top: adamForFile(top),
    epochs: JSON.stringify(epochs),
    seconds,
  });
}

function fingerprint({ settings, variant, parties, labels }: RunOptions): string {
  const rows = { train: labels.train.length, test: labels.test.length };
  return JSON.stringify({ settings, variant, parties: parties.map(({ name }) => name), rows });
}

function throwIfAborted(signal: AbortSignal | undefined, run: string, epochsDone: number): void {
  if (signal?.aborted)
    throw trainingFault("ABORTED", `stopped in epoch ${epochsDone + 1} of ${run}; what had ended before is kept`);
}
