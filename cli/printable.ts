/** Text of somebody else (a document, a peer) without the control characters that a terminal would obey; line ends stay. */
export function printable(text: string): string {
  // A lone half of a letter could find its other half once what parts them is gone.
  return text.toWellFormed().replace(/[^\P{Cc}\n\t]|\p{Cf}/gu, "");
}

/** The same on one line. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/gu, " ")).trim();
}

/**
 * A value as one line of JSON, for standard output. Characters that a terminal obeys or a reader does not see (from U+007F to U+009F, marks of direction, tags, separators of
 * lines) are escaped, so that the text means the same to a program and does nothing on a screen.
 */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value).replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, escaped)}\n`;
}

/** In JSON a character beyond U+FFFF is escaped as its two halves. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
    .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
    .join("");
}

/** "1 passage", "2 passages". @param one - What takes an s in the plural. */
export function inNumber(count: number, one: string): string {
  return `${String(count)} ${one}${count === 1 ? "" : "s"}`;
}
