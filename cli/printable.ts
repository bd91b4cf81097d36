/** Text of somebody else (a document, a peer) without the control characters that a terminal would obey; line ends stay. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|\p{Cf}/gu, "");
}

/** The same on one line. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/gu, " ")).trim();
}

/** "1 passage", "2 passages". @param one - What takes an s in the plural. */
export function inNumber(count: number, one: string): string {
  return `${String(count)} ${one}${count === 1 ? "" : "s"}`;
}
