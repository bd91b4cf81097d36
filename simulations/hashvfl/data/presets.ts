import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadCsvColumns, loadCsvParties } from "./csv.ts";
import type { DataFaultCode } from "./faults.ts";
import { loadImages } from "./idx.ts";
import { Fault } from "../../../crypto/fault.ts";
import type { VerticalData } from "../vertical-data.ts";

export interface PresetOptions {
  /** Holds `mnist/` and `vfl/`. */
  readonly folder: string;
  /** 2 by default; more: each image is cut into more strips, the columns of the party with most are split. */
  readonly parties?: number;
  /** Of the split; 0 by default. */
  readonly seed?: number;
}

export type PresetName = "mnist" | "default_credit" | "breast" | "vehicle_scale" | "adult";

type Loader = (options: Required<PresetOptions>) => Promise<VerticalData>;

/**
 * `mnist`: 10,000 images, one strip of columns a party. `default_credit`, `breast`, `vehicle_scale`: guest and host files, whose numbers their makers
 * scaled over all rows before we split them. `adult`: see {@link ADULT}.
 */
const LOADERS: Readonly<Record<PresetName, Loader>> = {
  mnist: ({ folder, parties, seed }) =>
    loadImages({
      name: "mnist",
      images: packedOrPlain(join(folder, "mnist", "t10k-images-idx3-ubyte")),
      labels: packedOrPlain(join(folder, "mnist", "t10k-labels-idx1-ubyte")),
      parties,
      seed,
    }),
  default_credit: loadPair("default_credit"),
  breast: loadPair("breast"),
  vehicle_scale: loadPair("vehicle_scale"),
  adult: ({ folder, parties, seed }) =>
    loadCsvColumns({ name: "adult", file: join(folder, "vfl", "adult.data"), ...ADULT, parties, seed }),
};

export const PRESETS = Object.keys(LOADERS) as readonly PresetName[];

/** `household`: what a registry office knows. `work`: what an employer or a tax office knows. */
const ADULT = {
  labelColumn: "income",
  columns: {
    household: ["age", "fnlwgt", "education", "education_num", "marital", "relationship", "race", "sex", "country"],
    work: ["type_employer", "occupation", "capital_gain", "capital_loss", "hr_per_week"],
  },
  categorical: ["type_employer", "education", "marital", "occupation", "relationship", "race", "sex", "country"],
};

/**
 * Loads one of the sets that the simulations know, a fifth of the rows for testing.
 *
 * @param name - One of {@link PRESETS}.
 * @throws Fault UNKNOWN_PRESET, FILE_MISSING, PARTY_COUNT; others of {@link DataFaultCode} when a file is damaged.
 */
export async function loadPreset(
  name: string,
  { folder, parties = 2, seed = 0, ...rest }: PresetOptions,
): Promise<VerticalData> {
  const unknown = Object.keys(rest);
  if (unknown.length > 0) throw new TypeError(`loadPreset: unknown option ${unknown.join(", ")}`);
  if (!isPreset(name))
    throw new Fault<DataFaultCode>("UNKNOWN_PRESET", `There is no preset ${name}; there are ${PRESETS.join(", ")}.`);
  return LOADERS[name]({ folder, parties, seed });
}

function isPreset(name: string): name is PresetName {
  return Object.hasOwn(LOADERS, name);
}

function loadPair(name: string): Loader {
  return ({ folder, parties, seed }) => {
    const file = (role: string): string => join(folder, "vfl", `${name}_hetero_${role}.csv`);
    return loadCsvParties({ name, guest: file("guest"), hosts: [file("host")], parties, seed });
  };
}

function packedOrPlain(file: string): string {
  return existsSync(file) ? file : `${file}.gz`;
}
