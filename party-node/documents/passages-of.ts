import type { Section } from "./document.ts";
import type { Passage } from "./passage.ts";
import { split } from "./split.ts";

/** Between the texts of two sections, in the text that offsets count in. */
const SECTION_GAP = "\n\n".length;

/** A document's passages. Offsets count in the texts of its sections, one after the other with an empty line between. */
export function passagesOf(documentId: string, title: string, sections: readonly Section[]): Passage[] {
  let begin = 0;
  const located = sections.flatMap(({ text: section, ...place }) => {
    const texts = split(section);
    const starts = startsOf(section, texts);
    const passages = texts.map((text, i) => ({ text, ...place, offset: begin + (starts[i] ?? 0) }));
    begin += section.length + SECTION_GAP;
    return passages;
  });
  return located.map((passage, ordinal) => ({ documentId, title, ordinal, ...passage }));
}

/** Where each passage begins in the section it was split from: splitting changes blanks alone, so their other characters are counted off. */
function startsOf(section: string, passages: readonly string[]): number[] {
  let at = 0;
  const skipBlanks = (): number => {
    while (at < section.length && isBlank(section.charAt(at))) at++;
    return at;
  };
  return passages.map((passage) => {
    const start = skipBlanks();
    for (let left = passage.replace(/\s+/g, "").length; left > 0; left--) at = skipBlanks() + 1;
    return start;
  });
}

function isBlank(character: string): boolean {
  return character.trim() === "";
}
