export * from "./npy.ts";
export * from "./recall.ts";
export * from "./duplicates.ts";
