import { styleText } from "node:util";
import type { CitedPart, CitedPassage, OtherSource, Suspicion } from "../party-node/asking/index.ts";
import { oneLine } from "./printable.ts";

/** Passages with their citations, for people. What an earlier passage says word for word is not said again. */
export function printPassages(passages: readonly CitedPassage[], out: NodeJS.WritableStream = process.stdout): void {
  const sameAs = repeated(passages);
  for (const [i, passage] of passages.entries()) {
    const { party, documentId, ordinal, place, score, alsoFrom = [], suspect = [] } = passage;
    out.write(
      `\n${styleText("bold", `[${String(i + 1)}] ${party} · ${oneLine(documentId)}`)}${where({ ordinal, place })}${styleText("dim", `  score ${score.toFixed(3).replace(/^-(0\.0+)$/, "$1")}`)}\n`,
    );
    printText(passage, sameAs(i), out);
    if (passage.parts) continue;
    for (const suspicion of suspect) out.write(`    ${styleText("yellow", SUSPICIONS[suspicion])}\n`);
    for (const other of alsoFrom) out.write(`    ${styleText("dim", otherInWords(other))}\n`);
  }
}

/**
 * @param isShown - Whether the words of the passage with this index are shown; default all are.
 * @returns Of each passage the number, from 1, of the first before it that has the same words and is shown; null where none has.
 */
export function repeated(
  passages: readonly Pick<CitedPassage, "text">[],
  isShown: (index: number) => boolean = () => true,
): (index: number) => number | null {
  const texts = passages.map(({ text }) => oneLine(text));
  return (index) => {
    const first = texts.findIndex((text, i) => text === texts[index] && isShown(i));
    return first !== -1 && first < index ? first + 1 : null;
  };
}

/** Title and text below a passage's citation. @param sameAs - As {@link repeated} gives it. */
export function printText(
  { title, text, parts }: Pick<CitedPassage, "title" | "text" | "parts">,
  sameAs: number | null,
  out: NodeJS.WritableStream = process.stdout,
): void {
  const width = Math.min(100, process.stdout.columns || 100);
  if (parts) {
    for (const part of parts) printPart(part, width, out);
    return;
  }
  if (sameAs !== null) {
    out.write(`    ${styleText("dim", `the same words as [${String(sameAs)}]`)}\n`);
    return;
  }
  const [heading, body] = [oneLine(title), oneLine(text)];
  // The first passage of a document often begins with its title.
  if (heading !== "" && !body.startsWith(heading)) out.write(`    ${styleText("italic", heading)}\n`);
  // A heading, a list and what follows it would run into each other on one line.
  for (const paragraph of text.split(PARAGRAPH_END).map(oneLine))
    if (paragraph !== "") for (const line of wrapped(paragraph, width - 4)) out.write(`    ${line}\n`);
}

/** An empty line, which may have blanks. */
export const PARAGRAPH_END = /\n[^\S\n]*\n/;

export const SUSPICIONS: Readonly<Record<Suspicion, string>> = {
  "score-too-high": "suspect: its words cannot earn the score its party sent",
  "no-sentences": "suspect: reads like words put together to be found, not like text",
};

/** The passage's place in its document, or its number where no place is known. */
export function where({ ordinal, place }: { readonly ordinal: number; readonly place?: string | undefined }): string {
  if (place !== undefined) return ` · ${oneLine(place)}`;
  return ordinal > 0 ? ` · passage ${String(ordinal + 1)}` : "";
}

function otherInWords({ party, documentId, ordinal, place, identical }: OtherSource): string {
  return `${identical ? "also" : "nearly the same"} held by ${party} · ${oneLine(documentId)}${where({ ordinal, place })}`;
}

/** What one party holds of an entity. */
function printPart({ party, title, text }: CitedPart, width: number, out: NodeJS.WritableStream): void {
  const whole = [title, text].map(oneLine).filter((piece) => piece !== "");
  const [first = "", ...more] = wrapped(whole.join(" · "), width - 6 - party.length);
  out.write(`    ${styleText("italic", party)}  ${first}\n`);
  for (const line of more) out.write(`    ${" ".repeat(party.length)}  ${line}\n`);
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
