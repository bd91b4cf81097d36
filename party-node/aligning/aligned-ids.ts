import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { Fault } from "../../crypto/index.ts";

/** ALIGNED_MISSING: there is no file of aligned ids, or it is not one. */
export type AlignedIdsFaultCode = "ALIGNED_MISSING";

const schema = z.strictObject({ version: z.literal(1), ids: z.array(z.string()) });

/** Writes the ids that an alignment found, whole or not at all; an id's place is its row, the same at every party. */
export function writeAlignedIds(file: string, ids: readonly string[]): void {
  const next = `${file}.new`;
  writeFileSync(next, `${JSON.stringify({ version: 1, ids })}\n`, { mode: 0o600 });
  renameSync(next, file);
}

/** @throws Fault ALIGNED_MISSING. */
export function readAlignedIds(file: string): string[] {
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8"))).ids;
  } catch {
    throw new Fault<AlignedIdsFaultCode>(
      "ALIGNED_MISSING",
      `${file} holds no aligned ids; have the parties aligned with \`sotto align\``,
    ); // the parser's message may quote an id, so it is no cause
  }
}
