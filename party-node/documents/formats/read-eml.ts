import PostalMime, { type Address, type Email } from "postal-mime";
import type { Section } from "../document.ts";
import { htmlSections } from "../read-html.ts";
import type { ParsedText } from "./parsed-text.ts";
import { damaged } from "./unread.ts";

/** EML: who wrote to whom and when, then the text. Attachments are not opened. */
export async function readEml(bytes: Uint8Array): Promise<ParsedText> {
  const email = await parse(bytes);
  const { from, subject, date, messageId } = email;
  if (from === undefined && subject === undefined && date === undefined && messageId === undefined)
    throw damaged("is no e-mail");
  const [first, ...rest] = bodyOf(email);
  const head = { ...first, text: `${headOf(email)}\n\n${first?.text ?? ""}` };
  const attached = email.attachments.filter(({ related }) => related !== true).length;
  const what = `has ${String(attached)} attachment${attached === 1 ? "" : "s"}, which are not read. Save them as files beside it.`;
  return {
    title: subject ?? "",
    sections: [head, ...rest],
    unread: attached === 0 ? [] : [{ reason: "ATTACHMENTS", what }],
  };
}

async function parse(bytes: Uint8Array): Promise<Email> {
  try {
    return await PostalMime.parse(bytes, { maxNestingDepth: 32 });
  } catch (error) {
    throw damaged("is damaged, or nested too deep", error);
  }
}

function bodyOf({ text, html, subject = "" }: Email): readonly Section[] {
  if (text !== undefined && text.trim() !== "") return [{ text }];
  return html === undefined ? [] : htmlSections(html, subject);
}

function headOf({ from, to = [], cc = [], date }: Email): string {
  const lines = [
    ["From", from ? [from] : []],
    ["To", to],
    ["Cc", cc],
  ] as const;
  const named = lines.flatMap(([name, who]) => (who.length > 0 ? [`${name}: ${who.map(nameOf).join(", ")}`] : []));
  return [...named, ...(date === undefined ? [] : [`Date: ${date}`])].join("\n");
}

function nameOf({ name, address }: Address): string {
  return [name, address === undefined || address === "" ? "" : `<${address}>`].filter((part) => part !== "").join(" ");
}
