import type { ReadText } from "../document.ts";
import type { Unread } from "./unread.ts";

/** What a parser makes of one file. */
export interface ParsedText extends ReadText {
  /** Parts that are left out, and why. */
  readonly unread: readonly Unread[];
}
