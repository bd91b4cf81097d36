import { readHtml } from "../read-html.ts";
import { decodeUtf8 } from "./decode-utf8.ts";
import type { ParsedText } from "./parsed-text.ts";

/** A file of HTML or XHTML, in UTF-8. */
export function readPage(bytes: Uint8Array): ParsedText {
  return { ...readHtml(decodeUtf8(bytes).replace(/\r\n?/g, "\n")), unread: [] };
}
