/**
 * Text of somebody else without what a terminal, a screen or a model obeys and a reader does not see: control characters, marks of direction, tags.
 * Line ends and tabs stay; half a letter becomes U+FFFD, for it could find its other half once what parts them is gone.
 */
export function withoutHidden(text: string): string {
  return text.toWellFormed().replace(/[^\P{Cc}\n\t]|\p{Cf}/gu, "");
}

/**
 * A passage as a prompt may hold it: nothing in it reads as a mark of a chat's form, such as `<|im_start|>`, `</s>` or `[INST]`, because a space parts each such
 * mark after its bracket, and nothing reads as a citation, because numbers in square brackets get round ones. A reader loses nothing by it.
 */
export function quotable(text: string): string {
  return withoutHidden(text)
    .replace(/<(?=[^\s\d=])/gu, "< ")
    .replace(/[[【](\d[\d\s,;–-]*)[\]】]/gu, "($1)")
    .replace(/\[(?=\/?\w*[A-Z_]{3})/gu, "[ ");
}
