import type { ReadText } from "./document.ts";

/** Plain text: one section, no title. */
export function readText(source: string): ReadText {
  return { title: "", sections: [{ text: source }] };
}
