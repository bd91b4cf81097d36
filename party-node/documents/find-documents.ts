import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import type { Problem } from "./document.ts";
import { problemAt } from "./document.ts";
import type { ParsedFormat } from "./formats/parse.ts";
import { unknownType } from "./unknown-type.ts";

export type DocumentKind = "jsonl" | "markdown" | "text" | ParsedFormat;

/** A file that a reader exists for. */
export interface FoundFile {
  /** Absolute, links resolved. */
  readonly path: string;
  /** Relative to the root it was found under, with `/`; the base name when the root is the file. */
  readonly name: string;
  readonly kind: DocumentKind;
}

/** A file or folder somebody asked to ingest. */
export interface Root {
  /** Absolute, links resolved. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Names are relative to this folder; default is the root itself. */
  readonly folder?: string;
  /** It was there and is no more: it has no files, and nothing is wrong with that. */
  readonly isGone?: boolean;
}

const KINDS = new Map<string, DocumentKind>([
  [".jsonl", "jsonl"],
  [".md", "markdown"],
  [".txt", "text"],
  [".html", "html"],
  [".htm", "html"],
  [".xhtml", "html"],
  [".pdf", "pdf"],
  [".docx", "docx"],
  [".pptx", "pptx"],
  [".xlsx", "xlsx"],
  [".csv", "csv"],
  [".tsv", "tsv"],
  [".epub", "epub"],
  [".eml", "eml"],
]);

/** What the names of files end in that a reader exists for, with the dot. */
export const DOCUMENT_ENDINGS: readonly string[] = [...KINDS.keys()];

/** Resolves what a person wrote; a path that cannot be read is a problem `UNREADABLE`, and the rest goes on. */
export async function findRoots(paths: readonly string[]): Promise<{ roots: Root[]; problems: Problem[] }> {
  const roots: Root[] = [];
  const problems: Problem[] = [];
  for (const path of paths) {
    try {
      const real = await realpath(path);
      roots.push({ path: real, isFolder: (await stat(real)).isDirectory() });
    } catch (error) {
      problems.push(unreadable(resolve(path), error));
    }
  }
  return { roots, problems };
}

/**
 * Paths in a folder that was ingested before, which have changed or are gone since: found there, they have the names they would have in the folder.
 * Paths outside and links are left out.
 *
 * @param folder - Absolute, links resolved.
 */
export async function findChanged(folder: string, paths: readonly string[]): Promise<Root[]> {
  const roots: Root[] = [];
  for (const path of paths.filter((one) => one.startsWith(withSeparator(folder)))) {
    const real = await realpath(path).catch(() => null);
    if (real === null) roots.push({ path, folder, isFolder: false, isGone: true });
    else if (real === path) roots.push({ path, folder, isFolder: (await stat(path)).isDirectory() });
  }
  return roots;
}

/**
 * Walks a root in the order of names (by code unit), hidden entries left out.
 *
 * Links are not followed: what they name inside the root is found anyway, and what lies outside was not asked for
 * (`LINK_OUTSIDE`). A file without a reader is `UNKNOWN_TYPE`, a folder that cannot be listed `UNREADABLE`.
 */
export async function* findFiles(root: Root): AsyncGenerator<FoundFile | Problem> {
  const { path, isFolder, folder = path, isGone = false } = root;
  if (isGone) return;
  if (isFolder) yield* walk(path, folder);
  else yield await classify(path, folder === path ? basename(path) : nameIn(folder, path));
}

export function unreadable(file: string, error: unknown): Problem {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
  const what =
    code === "ENOENT" ? "does not exist. Check the path." : `cannot be read (${code}). Check who may read it.`;
  return problemAt(file, null, "UNREADABLE", what);
}

async function* walk(folder: string, root: string): AsyncGenerator<FoundFile | Problem> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    yield unreadable(folder, error);
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) yield* outsideLink(path, root);
    else if (entry.isDirectory()) yield* walk(path, root);
    else yield await classify(path, nameIn(root, path));
  }
}

function nameIn(folder: string, path: string): string {
  return relative(folder, path).split(sep).join("/");
}

async function* outsideLink(path: string, root: string): AsyncGenerator<Problem> {
  const target = await realpath(path).catch(() => null);
  if (target !== null && target.startsWith(withSeparator(root))) return;
  yield problemAt(
    path,
    null,
    "LINK_OUTSIDE",
    "leads out of the folder and is not followed. Ingest its target by its own path.",
  );
}

async function classify(path: string, name: string): Promise<FoundFile | Problem> {
  try {
    const kind = KINDS.get(extname(path).toLowerCase());
    if (kind !== undefined && (await stat(path)).isFile()) return { path, name, kind };
  } catch (error) {
    return unreadable(path, error);
  }
  return problemAt(path, null, "UNKNOWN_TYPE", unknownType(extname(path).toLowerCase(), DOCUMENT_ENDINGS));
}

/** The path of a folder as a prefix of the paths in it. */
export function withSeparator(folder: string): string {
  return folder.endsWith(sep) ? folder : folder + sep;
}
