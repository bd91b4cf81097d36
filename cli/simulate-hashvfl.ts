import { SingleBar, Presets } from "cli-progress";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../crypto/index.ts";
import { loadCsvColumns, loadCsvParties, loadImages, loadPreset } from "../simulations/hashvfl/data/index.ts";
import {
  type ExperimentReport,
  type Progress,
  drawCurves,
  anomalyInWords,
  experimentInWords,
  runExperiment,
  runsTable,
} from "../simulations/hashvfl/index.ts";
import { checkData } from "../simulations/hashvfl/check-data.ts";
import { type TrainingSettings, checkSettings, settingsFor } from "../simulations/hashvfl/settings.ts";
import type { TrainingParty } from "../simulations/hashvfl/training-party.ts";
import type { VerticalData } from "../simulations/hashvfl/vertical-data.ts";
import { findDataFolder } from "./data-folder.ts";
import { jsonLine } from "./printable.ts";
import type { SimulateOptions } from "./simulate-options.ts";
import { onStop } from "./supervision.ts";
import { withTrainingProcesses } from "./training-processes.ts";

/** What `sotto simulate hashvfl --json` prints. */
export interface HashvflReport extends ExperimentReport {
  readonly transport: SimulateOptions["transport"];
  /** Holds what is printed, curves, checkpoints and models. */
  readonly out: string;
}

export async function runHashvfl(options: SimulateOptions): Promise<void> {
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });
  const data = await loadData(options);
  const {
    bits,
    epochs,
    batch,
    hidden: bottomHidden,
    consistency: consistencyWeight,
    learningRate,
    epsilon,
    seed,
  } = options;
  const settings = settingsFor(options.preset, {
    bits,
    epochs,
    batch,
    bottomHidden,
    consistencyWeight,
    learningRate,
    epsilon,
    seed,
  });
  const { baselines, resume, transport } = options;
  const out = outFolder(options, data.name);
  const bar = new ProgressBar();
  const train = (parties?: readonly TrainingParty[]): Promise<ExperimentReport> =>
    runExperiment({
      data,
      settings,
      baselines,
      folder: out,
      resume,
      parties,
      signal: stop.signal,
      onProgress: (progress) => {
        bar.update(progress, settings.epochs);
      },
    });
  try {
    const trained = await (transport === "memory" ? train() : betweenProcesses(data, settings, out, train));
    const report: HashvflReport = { ...trained, transport, out };
    bar.stop();
    await writeResults(report);
    process.stdout.write(options.json ? jsonLine(report) : inWords(report));
  } catch (error) {
    bar.stop();
    if (bar.epochsDone >= 1)
      process.stderr.write(`What had ended is kept in ${out}; the same command with --resume goes on from there.\n`);
    throw error;
  }
}

/** Whatever is refused of data and settings is, before any process starts. */
async function betweenProcesses(
  data: VerticalData,
  settings: TrainingSettings,
  out: string,
  train: (parties: readonly TrainingParty[]) => Promise<ExperimentReport>,
): Promise<ExperimentReport> {
  checkSettings(settings);
  checkData(data);
  return withTrainingProcesses(data, { folder: join(out, "parties") }, ({ parties }) => train(parties));
}

/** Never one in which something else was trained. @throws Fault OUT_TAKEN. */
function outFolder({ out, resume }: SimulateOptions, name: string): string {
  const isTaken = (folder: string): boolean => existsSync(join(folder, "experiment.json"));
  if (out !== undefined) {
    if (!resume && isTaken(out))
      throw new Fault("OUT_TAKEN", `${out} has a run already; --resume goes on with it, another --out keeps it`);
    return out;
  }
  let count = 1;
  const numbered = (): string => `hashvfl-${name}${count === 1 ? "" : `-${String(count)}`}`;
  while (isTaken(numbered())) count++;
  if (resume && count > 1) count--;
  return numbered();
}

/** @throws Fault SETTINGS_INVALID. */
function refuseUnfit(options: SimulateOptions): void {
  const fitting: Readonly<Record<string, readonly (keyof SimulateOptions)[]>> = {
    preset: ["data"],
    images: ["labels"],
    guest: ["host", "label", "id", "categorical", "intersect"],
    csv: ["columns", "label", "id", "categorical"],
  };
  const [source = ""] = Object.keys(fitting).filter((name) => options[name as keyof SimulateOptions] !== undefined);
  const others = new Set(Object.values(fitting).flat());
  for (const name of others)
    if (options[name] !== undefined && options[name] !== false && !fitting[source]?.includes(name))
      throw new Fault("SETTINGS_INVALID", `--${name} does not go with --${source}; see --help for what goes together`);
}

async function loadData(options: SimulateOptions): Promise<VerticalData> {
  const { preset, images, labels, guest, host, csv, columns, label, id, categorical, intersect, parties, seed } =
    options;
  const sources = [preset, images, guest, csv].filter((source) => source !== undefined);
  if (sources.length !== 1)
    throw new Fault("SETTINGS_INVALID", "name what to train on once: --preset, or --images, or --guest, or --csv");
  refuseUnfit(options);
  const common = { seed, ...(parties === undefined ? {} : { parties }) };
  const table = {
    ...common,
    ...(categorical === undefined ? {} : { categorical }),
    ...(id === undefined ? {} : { idColumn: id }),
  };
  if (preset !== undefined) return loadPreset(preset, { ...common, folder: dataFolder(options.data) });
  if (images !== undefined) return loadImages({ ...common, images, labels: needed(labels, "--labels") });
  if (guest !== undefined)
    return loadCsvParties({
      ...table,
      guest,
      hosts: needed(host, "--host"),
      align: intersect ? "intersect" : "exact",
      ...(label === undefined ? {} : { labelColumn: label }),
    });
  return loadCsvColumns({
    ...table,
    file: needed(csv, "--csv"),
    columns: needed(columns, "--columns"),
    labelColumn: needed(label, "--label"),
  });
}

function needed<Value>(value: Value | undefined, option: string): Value {
  if (value === undefined)
    throw new Fault("SETTINGS_INVALID", `${option} is missing; see --help for what goes together`);
  return value;
}

function dataFolder(given: string | undefined): string {
  const found = given ?? findDataFolder();
  if (found === null)
    throw new Fault("FILE_MISSING", "there is no folder with data here; name the one with mnist/ and vfl/ by --data");
  return found;
}

async function writeResults(report: HashvflReport): Promise<void> {
  await mkdir(report.out, { recursive: true });
  await writeFile(join(report.out, "results.json"), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(report.out, "curves.svg"), await drawCurves(report));
}

function inWords(report: HashvflReport): string {
  const kept = `Results, curves, checkpoints and models are in ${report.out}.`;
  return `${experimentInWords(report)}\n${runsTable(report)}\n${anomalyInWords(report)}.\n${kept}\n`;
}

class ProgressBar {
  readonly #bar = new SingleBar(
    {
      format: "  {run} epoch {epoch}/{epochs}  {bar} {percentage}%  {eta_formatted} left",
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 5000,
      barsize: 24,
      hideCursor: true,
      etaBuffer: 200,
    },
    Presets.shades_classic,
  );
  #started = false;
  /** In this process. */
  epochsDone = 0;

  update({ run, epochs: done, epochsOfAll, epochsTotal }: Progress, epochs: number): void {
    const payload = {
      run: run.padEnd(16),
      epoch: String(Math.min(epochs, Math.floor(done) + 1)),
      epochs: String(epochs),
    };
    if (!this.#started) this.#bar.start(epochsTotal, epochsOfAll, payload);
    this.#started = true;
    this.epochsDone = epochsOfAll;
    this.#bar.update(epochsOfAll, payload);
  }

  stop(): void {
    this.#bar.stop();
  }
}
