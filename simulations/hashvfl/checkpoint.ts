import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { decode, encode } from "cborg";
import { z } from "zod";
import type { AdamState } from "./adam.ts";
import { trainingFault } from "./fault.ts";

/** Float32 arrays as their bytes, least significant first, whatever the machine. */
export const floats = z.instanceof(Uint8Array).transform((bytes, context) => {
  if (bytes.length % 4 !== 0) {
    context.addIssue("not a whole number of floats");
    return z.NEVER;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
});

export function floatBytes(values: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setFloat32(4 * i, value, true));
  return bytes;
}

export const adamBytes = z.strictObject({
  steps: z.int().min(0),
  weights: z.array(floats),
  means: z.array(floats),
  squares: z.array(floats),
});

/** An optimiser's state as {@link adamBytes} reads it. */
export function adamForFile({ steps, weights, means, squares }: AdamState): z.input<typeof adamBytes> {
  const bytes = (list: readonly Float32Array[]): Uint8Array<ArrayBuffer>[] => list.map(floatBytes);
  return { steps, weights: bytes(weights), means: bytes(means), squares: bytes(squares) };
}

export const epochFile = (epochsDone: number): string => `epoch-${String(epochsDone).padStart(5, "0")}.cbor`;

/** Writes a checkpoint so that a reader finds the old one or the new one, whenever the process ends. */
export async function writeCheckpoint(path: string, content: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const body = encode(content);
  await writeFile(`${path}.new`, encode({ format: 1, sha256: sha256(body), body }), { flush: true });
  await rename(`${path}.new`, path);
}

const envelope = z.strictObject({
  format: z.literal(1),
  sha256: z.instanceof(Uint8Array),
  body: z.instanceof(Uint8Array),
});

/** @throws Fault CHECKPOINT_MISSING, CHECKPOINT_DAMAGED. */
export async function readCheckpoint<Content>(path: string, schema: z.ZodType<Content>): Promise<Content> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw trainingFault(
      "CHECKPOINT_MISSING",
      `there is no checkpoint ${path}; run without --resume to begin afresh`,
      cause,
    );
  });
  try {
    const { sha256: expected, body } = envelope.parse(decode(bytes));
    if (!sha256(body).equals(expected)) throw new Error("the checksum differs");
    return schema.parse(decode(body));
  } catch (cause) {
    throw trainingFault("CHECKPOINT_DAMAGED", `${path} is damaged; run without --resume to begin afresh`, cause);
  }
}

/** Removes what a folder holds of epochs before `epoch`. */
export async function forgetEpochsBefore(folder: string, epoch: number): Promise<void> {
  const old = (await readdir(folder)).filter((name) => /^epoch-\d+\.cbor$/.test(name) && name < epochFile(epoch));
  await Promise.all(old.map((name) => rm(join(folder, name))));
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
