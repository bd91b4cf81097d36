export type { Alignment } from "./align-tables.ts";
export { type CsvColumnsOptions, type CsvPartiesOptions, loadCsvColumns, loadCsvParties } from "./csv.ts";
export type { DataFaultCode } from "./faults.ts";
export { type ImagesOptions, loadImages } from "./idx.ts";
export { PRESETS, type PresetName, type PresetOptions, loadPreset } from "./presets.ts";
