import { readFileSync, renameSync, unwatchFile, watchFile, writeFileSync } from "node:fs";
import type { Logger } from "pino";
import { Fault } from "../crypto/index.ts";
import { type Federation, type FederationLog, writeFederation } from "../protocol/index.ts";

/** How often a running process looks whether somebody has put a newer file into its folder. */
const LOOK_MS = 500;

/** Writes a federation file whole or not at all: a process that runs by it never sees half of it. */
export function writeFederationFile(path: string, log: FederationLog): void {
  const unfinished = `${path}.${String(process.pid)}.new`;
  writeFileSync(unfinished, writeFederation(log));
  renameSync(unfinished, path);
}

/** Writes every newer federation that a process takes up into its folder. */
export function keepFederationFile(federation: Federation, path: string): void {
  federation.onChange(() => {
    // Somebody may have put something there that this process has not looked at yet.
    takeUp(federation, path);
    writeFederationFile(path, federation.log);
  });
}

/** What cannot be taken up is for {@link watchFederationFile} to say. */
function takeUp(federation: Federation, path: string): void {
  try {
    federation.update(readFileSync(path, "utf8"));
  } catch (error) {
    if (!(error instanceof Fault) && (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
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
