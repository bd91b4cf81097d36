import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "corpus");
const WIDTH = 120;

/** Inputs that runs before have found, one a paragraph of base64. */
export function readInputs(path: string): Uint8Array[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim() !== "")
    .map((paragraph) => new Uint8Array(Buffer.from(paragraph, "base64")));
}

/** As {@link readInputs} reads it. The empty input cannot be written: every decoder is given it anyway. */
export function inputText(inputs: readonly Uint8Array[]): string {
  return inputs
    .map((input) => Buffer.from(input).toString("base64"))
    .filter((line) => line !== "")
    .map((line) => `${line.match(new RegExp(`.{1,${String(WIDTH)}}`, "g"))!.join("\n")}\n`)
    .join("\n");
}

export const corpusOf = (target: string): Uint8Array[] => readInputs(join(FOLDER, `${target}.base64`));

/** Replaces what is kept for a decoder. */
export function keepCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const path = join(FOLDER, `${target}.base64`);
  mkdirSync(FOLDER, { recursive: true });
  if (inputs.length === 0) rmSync(path, { force: true });
  else writeFileSync(path, inputText(inputs));
}
