import { SaxesParser } from "saxes";
import { parseLimits } from "./parse-limits.ts";
import { damaged, tooCostly } from "./unread.ts";

export interface XmlVisitor {
  /** @param name - Without its prefix. */
  readonly open?: (name: string, attributes: Readonly<Record<string, string>>) => void;
  readonly text?: (text: string) => void;
  readonly close?: (name: string) => void;
}

/**
 * Walks XML in its order. Entities that a document declares are not expanded: one is an error.
 *
 * @throws UnreadError DAMAGED; TOO_COSTLY for elements too deep within each other.
 */
export function walkXml(source: string, { open, text, close }: XmlVisitor): void {
  const parser = new SaxesParser<{ position: false; xmlns: false }>({ position: false, xmlns: false });
  let depth = 0;
  parser.on("opentag", ({ name, attributes }) => {
    if (++depth > parseLimits.xmlDepthMax)
      throw tooCostly(`has more than ${String(parseLimits.xmlDepthMax)} elements within each other`);
    open?.(localName(name), attributes);
  });
  parser.on("text", (piece) => text?.(piece));
  parser.on("cdata", (piece) => text?.(piece));
  parser.on("closetag", ({ name }) => {
    depth--;
    close?.(localName(name));
  });
  // The parser's own message would quote the document.
  parser.on("error", () => {
    throw damaged("holds XML that is not well formed");
  });
  parser.write(source).close();
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}
