import { renameSync, writeFileSync } from "node:fs";

/** Writes the ids that an alignment found, whole or not at all; an id's place is its row, the same at every party. */
export function writeAlignedIds(file: string, ids: readonly string[]): void {
  const next = `${file}.new`;
  writeFileSync(next, `${JSON.stringify({ version: 1, ids })}\n`, { mode: 0o600 });
  renameSync(next, file);
}
