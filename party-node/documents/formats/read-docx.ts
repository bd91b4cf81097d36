import mammoth from "mammoth";
import { TITLE_CLASS, readHtml } from "../read-html.ts";
import { Archive } from "./archive.ts";
import type { ParsedText } from "./parsed-text.ts";
import { unreadBy } from "./unread.ts";

/** DOCX, by way of HTML: headings, lists, tables, foot- and endnotes. Pictures are not looked at. */
export async function readDocx(bytes: Uint8Array): Promise<ParsedText> {
  await (await Archive.open(bytes)).check();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const { value } = await mammoth.convertToHtml(
      { buffer },
      {
        convertImage: mammoth.images.imgElement(() => Promise.resolve({ src: "" })),
        externalFileAccess: false,
        includeEmbeddedStyleMap: false,
        styleMap: [`p[style-name='Title'] => h1.${TITLE_CLASS}:fresh`],
      },
    );
    return { ...readHtml(value), unread: [] };
  } catch (error) {
    throw unreadBy(error, "is damaged, or no DOCX file");
  }
}
