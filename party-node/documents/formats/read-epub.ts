import { posix } from "node:path";
import type { Section } from "../document.ts";
import { htmlSections } from "../read-html.ts";
import { Archive } from "./archive.ts";
import type { ParsedText } from "./parsed-text.ts";
import { UnreadError, damaged } from "./unread.ts";
import { walkXml } from "./xml.ts";

interface Package {
  readonly title: string;
  /** Files of the archive, in reading order. */
  readonly chapters: readonly string[];
}

/** EPUB: its chapters in reading order, cited by their headings, or by their number where they have none. */
export async function readEpub(bytes: Uint8Array): Promise<ParsedText> {
  const archive = await Archive.open(bytes);
  const { title, chapters } = await packageOf(archive);
  await refuseLocked(archive, chapters);
  const sections: Section[] = [];
  for (const [index, chapter] of chapters.entries()) {
    const source = await archive.text(chapter);
    if (source === null) throw damaged("lacks a chapter that it lists");
    for (const section of htmlSections(source, title))
      sections.push({ place: `part ${String(index + 1)} of ${String(chapters.length)}`, ...section });
  }
  return { title, sections, unread: [] };
}

async function packageOf(archive: Archive): Promise<Package> {
  const container = await archive.text("META-INF/container.xml");
  let path = "";
  if (container !== null)
    walkXml(container, {
      open: (name, attributes) => {
        if (name === "rootfile" && path === "") path = attributes["full-path"] ?? "";
      },
    });
  const source = await archive.text(path);
  if (source === null) throw damaged("is damaged, or no EPUB file");
  const [files, spine] = [new Map<string, string>(), [] as string[]];
  let [title, inTitle] = ["", false];
  walkXml(source, {
    open: (name, { id = "", href = "", idref = "" }) => {
      if (name === "item") files.set(id, posix.join(posix.dirname(path), decodeHref(href)));
      if (name === "itemref") spine.push(idref);
      inTitle = name === "title" && title === "";
    },
    text: (piece) => {
      if (inTitle) title += piece;
    },
    close: () => {
      inTitle = false;
    },
  });
  return { title: title.replace(/\s+/g, " ").trim(), chapters: spine.flatMap((id) => files.get(id) ?? []) };
}

/** Fonts may be scrambled; a chapter that is makes a book of rights management. */
async function refuseLocked(archive: Archive, chapters: readonly string[]): Promise<void> {
  const source = await archive.text("META-INF/encryption.xml");
  if (source === null) return;
  walkXml(source, {
    open: (name, { URI = "" }) => {
      if (name === "CipherReference" && chapters.includes(decodeHref(URI)))
        throw new UnreadError("ENCRYPTED", "is locked by its shop. Only the shop's reader opens it.");
    },
  });
}

function decodeHref(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}
