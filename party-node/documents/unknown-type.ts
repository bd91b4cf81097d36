/** What to do with files that have no reader, by what their names end in. */
const ADVICE: readonly (readonly [endings: readonly string[], advice: string])[] = [
  [
    [".doc", ".docm", ".dot", ".dotx", ".rtf", ".odt", ".pages", ".wpd", ".wps"],
    "Save it as .docx or PDF in its own program.",
  ],
  [[".xls", ".xlsm", ".xlsb", ".ods", ".numbers"], "Save it as .xlsx or .csv in its own program."],
  [[".ppt", ".pptm", ".pps", ".ppsx", ".odp"], "Save it as .pptx or PDF in its own program."],
  [[".msg", ".mbox", ".pst"], "Save its messages as .eml in the mail program."],
  [[".mobi", ".azw", ".azw3", ".djvu", ".ps"], "Convert it to .epub or PDF."],
  [
    [".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".bmp", ".heic", ".webp"],
    "Text in pictures is not read: make a PDF of it with a program that recognises text (OCR).",
  ],
  [[".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"], "Unpack it, and ingest what was in it."],
  [[".markdown", ".mdown"], "Rename it to .md."],
  [[".text", ".log", ".rst", ".tex", ".org"], "Rename it to .txt if it is plain text."],
];

/** @param ending - In lower case with the dot; empty for none. @param known - What names end in that a reader exists for. */
export function unknownType(ending: string, known: readonly string[]): string {
  const [, advice] = ADVICE.find(([endings]) => endings.includes(ending)) ?? [];
  if (advice !== undefined) return `files ending in ${ending} are not read. ${advice}`;
  return `no reader for it; known are files ending in ${known.join(", ")}.`;
}
