import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type AnomalyFigures, measureAnomalies } from "./anomaly.ts";
import { checkData } from "./check-data.ts";
import { type BitBalance, type EpochFigures, releaseAll } from "./evaluation.ts";
import { trainingFault } from "./fault.ts";
import { LocalParty, localParties } from "./local-party.ts";
import { type BaselineName, type PlannedRun, baselineRun, hashedRun } from "./runs.ts";
import { type TrainingSettings, checkSettings } from "./settings.ts";
import type { TrainingParty } from "./training-party.ts";
import { type RunResult, trainRun } from "./training-run.ts";
import type { VerticalData } from "./vertical-data.ts";

export interface ExperimentOptions {
  readonly data: VerticalData;
  readonly settings: TrainingSettings;
  readonly baselines: readonly BaselineName[];
  /** For checkpoints and models; null keeps nothing. */
  readonly folder: string | null;
  readonly resume: boolean;
  /** The parties of `data`, in its order, where they are not to be in this process. */
  readonly parties?: readonly TrainingParty[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Progress {
  readonly run: string;
  /** Of this run, with a fraction. */
  readonly epochs: number;
  /** Of all runs, with a fraction. */
  readonly epochsOfAll: number;
  readonly epochsTotal: number;
}

/** What a run ended at. */
export interface RunReport extends Omit<EpochFigures, "epoch"> {
  readonly seconds: number;
  readonly epochs: readonly (Omit<EpochFigures, "balance"> & { readonly balance: Omit<BitBalance, "shares"> })[];
}

export interface ExperimentReport {
  readonly data: DataShape;
  readonly settings: TrainingSettings;
  readonly hashed: RunReport;
  /** Of the hashed run: how well the parties' disagreement about an entity tells that one of them was given another's features. */
  readonly anomaly: AnomalyFigures;
  /** By the run's name; that of `alone` has the party's. */
  readonly baselines: Readonly<Record<string, RunReport>>;
  /** Of all runs, before an interruption too. */
  readonly seconds: number;
}

export interface DataShape {
  readonly name: string;
  readonly classes: readonly string[];
  /** Share of the test rows that are of the most frequent class: what guessing reaches. */
  readonly majority: number;
  readonly rows: { readonly train: number; readonly test: number };
  readonly parties: readonly { readonly name: string; readonly features: number }[];
}

/**
 * Trains the hashed run and its baselines on the same rows, one after another.
 *
 * @throws Fault: what {@link checkData}, {@link checkSettings} and {@link trainRun} say, CHECKPOINT_MISSING or SETTINGS_CHANGED when resuming.
 */
export async function runExperiment(options: ExperimentOptions): Promise<ExperimentReport> {
  const { data, settings, baselines, folder, signal, onProgress } = options;
  checkSettings(settings);
  checkData(data);
  if (folder !== null) await openFolder(folder, options);
  const firstParty = data.parties[0]!.name;
  const runs = [hashedRun(settings), ...baselines.map((name) => baselineRun(name, settings, firstParty))];
  using parties = partiesOf(options);
  const labels = { classes: data.classes.length, train: data.train.labels, test: data.test.labels };
  const reports: [string, RunReport][] = [];
  let anomaly: AnomalyFigures | null = null;
  for (const [i, run] of runs.entries()) {
    const asked = parties.of(run);
    const result = await trainRun({
      settings,
      variant: variantOf(run),
      parties: asked,
      labels,
      folder: folder === null ? null : join(folder, "server"),
      resume: options.resume,
      signal,
      onProgress: (epochs) =>
        onProgress?.({
          run: run.name,
          epochs,
          epochsOfAll: i * settings.epochs + epochs,
          epochsTotal: runs.length * settings.epochs,
        }),
    });
    if (i === 0) anomaly = await anomalyFigures(asked, options);
    if (i === 0 && folder !== null) await Promise.all(asked.map((party) => party.exportModel(run.name)));
    reports.push([run.name, reportOf(result)]);
  }
  const [hashed, ...others] = reports;
  return {
    data: shapeOf(data),
    settings,
    hashed: hashed![1],
    anomaly: anomaly!,
    baselines: Object.fromEntries(others),
    seconds: reports.reduce((sum, [, { seconds }]) => sum + seconds, 0),
  };
}

async function anomalyFigures(
  parties: readonly TrainingParty[],
  { data: { test }, settings: { bits, seed } }: ExperimentOptions,
): Promise<AnomalyFigures> {
  const releases = await Promise.all(parties.map((party) => releaseAll(party, "test", test.labels.length)));
  return measureAnomalies({ releases, labels: test.labels, bits, seed });
}

function variantOf({ features: _features, ...variant }: PlannedRun): Omit<PlannedRun, "features"> {
  return variant;
}

/** Those of the data, given or in this process, and one who has all features. */
function partiesOf({ data, folder, parties: given }: ExperimentOptions): Disposable & {
  of: (run: PlannedRun) => readonly TrainingParty[];
} {
  const home = folder === null ? null : join(folder, "parties");
  const local = given ? [] : localParties(data, home);
  const everyone = new LocalParty({
    name: "everyone",
    folder: home === null ? null : join(home, "everyone"),
    features: inOnePlace(data),
  });
  const parties = given ?? local;
  return {
    of: ({ features }) =>
      features === "parties" ? parties : features === "first party" ? parties.slice(0, 1) : [everyone],
    [Symbol.dispose]: () => {
      for (const party of [...local, everyone]) party[Symbol.dispose]();
    },
  };
}

function inOnePlace({ parties, train, test }: VerticalData) {
  const columns = parties.map(({ features }) => features.length);
  const width = columns.reduce((sum, count) => sum + count, 0);
  const join = ({ features, labels }: VerticalData["train"]): Float32Array => {
    const values = new Float32Array(labels.length * width);
    let at = 0;
    for (const [i, ofParty] of features.entries()) {
      const count = columns[i]!;
      for (let row = 0; row < labels.length; row++)
        values.set(ofParty.subarray(row * count, (row + 1) * count), row * width + at);
      at += count;
    }
    return values;
  };
  return { columns: width, values: { train: join(train), test: join(test) } };
}

function shapeOf({ name, classes, parties, train, test }: VerticalData): DataShape {
  const counts = new Map<number, number>();
  for (const label of test.labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return {
    name,
    classes,
    majority: Math.max(...counts.values()) / test.labels.length,
    rows: { train: train.labels.length, test: test.labels.length },
    parties: parties.map(({ name, features }) => ({ name, features: features.length })),
  };
}

function reportOf({ epochs, seconds }: RunResult): RunReport {
  const { epoch: _epoch, ...last } = epochs.at(-1)!;
  const history = epochs.map(({ balance: { shares: _shares, ...balance }, ...figures }) => ({ ...figures, balance }));
  return { ...last, seconds, epochs: history };
}

/** Notes in the folder what is trained there, in the place of what was; or checks that it is the same. */
async function openFolder(folder: string, { data, settings, resume }: ExperimentOptions): Promise<void> {
  const file = join(folder, "experiment.json");
  const now: Record<string, unknown> = { ...settings, data: data.name, values: digestOf(data) };
  if (!resume) {
    if (existsSync(file))
      await Promise.all(["server", "parties"].map((old) => rm(join(folder, old), { recursive: true, force: true })));
    await mkdir(folder, { recursive: true });
    await writeFile(file, `${JSON.stringify(now, null, 2)}\n`);
    return;
  }
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw trainingFault(
      "CHECKPOINT_MISSING",
      `${folder} holds no experiment to go on with; run without --resume`,
      cause,
    );
  });
  const then = parseObject(text, file);
  const changed = [...new Set([...Object.keys(now), ...Object.keys(then)])].filter(
    (key) => JSON.stringify(now[key]) !== JSON.stringify(then[key]),
  );
  if (changed.length > 0)
    throw trainingFault(
      "SETTINGS_CHANGED",
      `${folder} was begun with other ${changed.join(", ")}; give the same, or run without --resume or with another --out`,
    );
}

function parseObject(text: string, file: string): Record<string, unknown> {
  try {
    return Object.fromEntries(Object.entries(JSON.parse(text) as object));
  } catch (cause) {
    throw trainingFault("CHECKPOINT_DAMAGED", `${file} is damaged; run without --resume`, cause);
  }
}

function digestOf({ classes, parties, train, test }: VerticalData): string {
  const hash = createHash("sha256").update(JSON.stringify([classes, parties.map(({ name }) => name)]));
  for (const { ids, labels, features } of [train, test]) {
    hash.update(JSON.stringify(ids)).update(labels);
    for (const values of features) hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}
