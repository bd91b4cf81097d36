import { readFileSync } from "node:fs";
import type { TranscriptLine } from "./transcript.ts";

/** What one process saw, from its transcript. */
export interface ProcessView {
  readonly name: string;
  /** Message type -> count, both directions. */
  readonly types: Readonly<Record<string, number>>;
  readonly bytes: { readonly in: number; readonly out: number };
  /** What of the secrets was found in the bytes; empty is good. */
  readonly readable: readonly string[];
}

export interface PlantedSecrets {
  readonly questions: readonly string[];
  readonly embeddings: readonly Float32Array[];
  readonly passages: readonly string[];
}

/** Characters of a passage that are looked for: enough to be no accident, few enough to be found in a part of it. */
const PASSAGE_PROBE = 24;

/** Counts what a process sent and received, and searches every byte of it for the questions, the embeddings and the passages. */
export function viewOfProcess(name: string, transcriptPath: string, secrets: PlantedSecrets): ProcessView {
  const lines = readFileSync(transcriptPath, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TranscriptLine);
  const types: Record<string, number> = {};
  const bytes = { in: 0, out: 0 };
  for (const line of lines) {
    types[line.type] = (types[line.type] ?? 0) + 1;
    bytes[line.direction] += line.bytes;
  }
  const seen = Buffer.concat(lines.map(({ payload }) => Buffer.from(payload, "base64")));
  return { name, types, bytes, readable: findSecrets(seen, secrets) };
}

/** Names the kinds of secret that occur in the bytes. */
export function findSecrets(seen: Buffer, { questions, embeddings, passages }: PlantedSecrets): string[] {
  const holds = (probe: Buffer | string): boolean => probe.length > 0 && seen.includes(probe);
  const probes = (text: string): string[] =>
    Array.from({ length: Math.floor(text.length / PASSAGE_PROBE) }, (_, i) =>
      text.slice(i * PASSAGE_PROBE, (i + 1) * PASSAGE_PROBE),
    );
  const found: string[] = [];
  if (questions.flatMap(probes).some(holds)) found.push("question");
  if (embeddings.some((vector) => holds(nonZeroRun(vector)))) found.push("vector");
  if (passages.flatMap(probes).some(holds)) found.push("passage");
  return found;
}

/** The bytes of a few entries of a vector around its first that is not zero. */
function nonZeroRun(vector: Float32Array): Buffer {
  const start = vector.findIndex((entry) => entry !== 0);
  return start < 0 ? Buffer.alloc(0) : Buffer.from(vector.slice(start, start + 4).buffer);
}
