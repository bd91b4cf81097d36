import { styleText } from "node:util";
import type { CitedPassage } from "../party-node/asking/index.ts";

/** Passages with their citations, for people. */
export function printPassages(passages: readonly CitedPassage[], out: NodeJS.WritableStream = process.stdout): void {
  if (passages.length === 0) out.write("No passages.\n");
  const width = Math.min(100, process.stdout.columns || 100);
  for (const [i, { party, documentId, title, text, ordinal, score }] of passages.entries()) {
    out.write(
      `\n${styleText("bold", `[${String(i + 1)}] ${party} · ${documentId}`)}${ordinal > 0 ? ` · passage ${String(ordinal + 1)}` : ""}${styleText("dim", `  score ${score.toFixed(3)}`)}\n`,
    );
    if (title !== "") out.write(`    ${styleText("italic", oneLine(title))}\n`);
    for (const line of wrapped(oneLine(text), width - 4)) out.write(`    ${line}\n`);
  }
}

/** Documents are somebody else's words: control characters in them must not reach the terminal. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
