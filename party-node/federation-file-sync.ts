import { readFileSync, renameSync, unwatchFile, watchFile, writeFileSync } from "node:fs";
import type { Logger } from "pino";
import { Fault } from "../crypto/index.ts";
import type { Federation } from "../protocol/index.ts";

/** How often a running process looks whether somebody has put a newer file into its folder. */
const LOOK_MS = 500;

/** Writes every newer federation that a process takes up into its folder, whole or not at all. */
export function keepFederationFile(federation: Federation, path: string): void {
  federation.onChange(() => {
    writeFileSync(`${path}.new`, federation.file);
    renameSync(`${path}.new`, path);
  });
}

/**
 * Takes up what `sotto federation join` puts into the folder of a process that runs. What it cannot take up it says in the log, and goes on with what it has.
 *
 * @returns Ends it.
 */
export function watchFederationFile(federation: Federation, path: string, log: Logger): () => void {
  const look = (): void => {
    try {
      federation.update(readFileSync(path, "utf8"));
    } catch (error) {
      const code = error instanceof Fault ? error.code : "FEDERATION_MISSING";
      log.error({ code, reason: error instanceof Error ? error.message : "" }, "the federation file was not taken up");
    }
  };
  watchFile(path, { interval: LOOK_MS, persistent: false }, look);
  return () => {
    unwatchFile(path, look);
  };
}
