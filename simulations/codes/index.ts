export * from "./npy.ts";
export * from "./recall.ts";
