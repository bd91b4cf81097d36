import { limits } from "../../protocol/limits.ts";

const HEADING_LENGTH_MAX = 120;

/** Follows the headings of a document, so that what stands below them can be cited: "Dosage > Renal". */
export class HeadingPath {
  #headings: { readonly level: number; readonly text: string }[] = [];

  /** @param level - 1 for the highest; it ends all headings of its own level and below. */
  enter(level: number, heading: string): void {
    this.#headings = this.#headings.filter((above) => above.level < level);
    const text = heading.replace(/\s+/g, " ").trim();
    if (text !== "") this.#headings.push({ level, text });
  }

  /** As a section's field; none where there is no heading but the document's title. */
  placeBelow(title: string): { readonly place?: string } {
    const texts = this.#headings.map(({ text }) => text);
    if (texts[0] === title.trim()) texts.shift();
    const place = texts.map((text) => shortened(text, HEADING_LENGTH_MAX)).join(" > ");
    return place === "" ? {} : { place: shortened(place, limits.placeLengthMax) };
  }
}

/** Cut, with an ellipsis, never between the halves of a surrogate pair. */
export function shortened(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
