import type { Section } from "../document.ts";
import { Archive } from "./archive.ts";
import type { ParsedText } from "./parsed-text.ts";
import { relationshipsOf } from "./relationships.ts";
import { damaged } from "./unread.ts";
import { walkXml } from "./xml.ts";

const PRESENTATION = "ppt/presentation.xml";

/** PPTX: a section a slide, in the order they are shown, and one for the speaker's notes; the title is that of the first slide. */
export async function readPptx(bytes: Uint8Array): Promise<ParsedText> {
  const archive = await Archive.open(bytes);
  const sections: Section[] = [];
  let title = "";
  for (const [index, slide] of (await slidesOf(archive)).entries()) {
    const place = `slide ${String(index + 1)}`;
    const read = textOf((await archive.text(slide)) ?? "");
    if (index === 0) title = read.title;
    sections.push({ text: read.text, place });
    for (const { type, target } of (await relationshipsOf(archive, slide)).values())
      if (type === "notesSlide")
        sections.push({ text: textOf((await archive.text(target)) ?? "").text, place: `${place}, notes` });
  }
  return { title, sections: sections.filter(({ text }) => text.trim() !== ""), unread: [] };
}

async function slidesOf(archive: Archive): Promise<string[]> {
  const presentation = await archive.text(PRESENTATION);
  if (presentation === null) throw damaged("holds no presentation");
  const files = await relationshipsOf(archive, PRESENTATION);
  const ids: string[] = [];
  walkXml(presentation, {
    open: (name, attributes) => {
      if (name === "sldId") ids.push(attributes["r:id"] ?? "");
    },
  });
  return ids.flatMap((id) => files.get(id)?.target ?? []);
}

/** Text boxes and tables, a line a paragraph, an empty line between boxes; without what is in every slide's margin. */
function textOf(source: string): { title: string; text: string } {
  if (source === "") return { title: "", text: "" };
  let [text, box, kind, title, isText] = ["", "", "", "", false];
  walkXml(source, {
    open: (name, attributes) => {
      if (name === "sp" || name === "graphicFrame") [box, kind] = ["", ""];
      if (name === "ph") kind = attributes["type"] ?? "";
      if (name === "br") box += "\n";
      isText = name === "t";
    },
    text: (piece) => {
      if (isText) box += piece;
    },
    close: (name) => {
      isText = false;
      if (name === "p") box += "\n";
      if (name === "tc") box = `${box.trimEnd()} | `;
      if (name === "tr") box = `${box.replace(/ \| $/, "")}\n`;
      if (name !== "sp" && name !== "graphicFrame") return;
      if (/^(ctrT|t)itle$/.test(kind) && title === "") title = box.replace(/\s+/g, " ").trim();
      if (!["sldNum", "dt", "ftr", "hdr"].includes(kind)) text += `${box.trim()}\n\n`;
      box = "";
    },
  });
  return { title, text: text.trim() };
}
