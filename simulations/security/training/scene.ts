import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadPreset } from "../../hashvfl/data/index.ts";
import type { VerticalData, VerticalSplit } from "../../hashvfl/vertical-data.ts";
import { sampleIndices } from "../../seeded-random.ts";
import type { Lab } from "../lab.ts";
import { generatedData } from "./generated-data.ts";

/** Whose training is attacked. */
export interface Scene {
  /** `train`: rows that the parties train on; `test`: rows that they release afterwards. */
  readonly data: VerticalData;
  /** The attacker's: rows of the same kind, none of which is in `data`. */
  readonly own: VerticalSplit;
  readonly isImages: boolean;
  /** For the report: `2,000 MNIST digits, each cut in two strips`. */
  readonly words: string;
}

export interface SceneSizes {
  readonly train: number;
  readonly test: number;
  readonly own: number;
}

/** Each party has a strip of 14 columns. */
export const STRIP = { height: 28, width: 14 } as const;

export function hasImages({ settings: { dataFolder } }: Lab): boolean {
  return dataFolder !== null && existsSync(join(dataFolder, "mnist"));
}

/** MNIST cut in two strips where the data folder holds it, otherwise rows that are made up. */
export async function loadScene(lab: Lab, { train, test, own }: SceneSizes): Promise<Scene> {
  const isImages = hasImages(lab);
  const all = isImages
    ? await loadPreset("mnist", { folder: lab.settings.dataFolder! })
    : generatedData({ train: train + own, test, random: lab.random });
  const chosen = sampleIndices(all.train.labels.length, train + own, lab.random);
  const attackers = new Set(sampleIndices(chosen.length, own, lab.random).map((i) => chosen[i]!));
  const tested = sampleIndices(all.test.labels.length, test, lab.random);
  const trained = chosen.filter((row) => !attackers.has(row));
  const data = { ...all, train: rowsOf(all, all.train, trained), test: rowsOf(all, all.test, tested) };
  const rows = trained.length.toLocaleString("en");
  return {
    data,
    own: rowsOf(all, all.train, [...attackers]),
    isImages,
    words: isImages
      ? `${rows} MNIST digits, each cut into a left and a right half, one a party`
      : `${rows} made-up rows of ten classes, half of each row's numbers at either party`,
  };
}

/** The values of some rows. @param values - Row-major, shape [all rows, columns]. */
export function gather(values: Float32Array, columns: number, rows: readonly number[]): Float32Array {
  const gathered = new Float32Array(rows.length * columns);
  rows.forEach((row, i) => gathered.set(values.subarray(row * columns, (row + 1) * columns), i * columns));
  return gathered;
}

function rowsOf({ parties }: VerticalData, split: VerticalSplit, rows: readonly number[]): VerticalSplit {
  return {
    ids: rows.map((row) => split.ids[row]!),
    labels: Uint8Array.from(rows, (row) => split.labels[row]!),
    features: split.features.map((values, party) => gather(values, parties[party]!.features.length, rows)),
  };
}
