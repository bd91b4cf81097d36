import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseLimits } from "./formats/parse-limits.ts";

/** Options of Node that leave a process its own modules and nothing else. */
export function parserPermissions(): string[] {
  const here = import.meta.dirname;
  const root = join(here, "..", "..");
  const packages = foldersAbove(root).map((folder) => join(folder, "node_modules"));
  const readable = [
    here,
    join(root, "protocol"),
    ...[root, join(root, "..")].map((folder) => join(folder, "package.json")),
    ...packages,
    ...linkedFrom(packages),
  ];
  return [
    "--permission",
    "--allow-worker",
    ...readable.filter((path) => existsSync(path)).map((path) => `--allow-fs-read=${path}`),
    `--max-old-space-size=${String(parseLimits.residentBytesMax / 2 ** 20)}`,
    "--disable-warning=ExperimentalWarning",
    "--disable-warning=SecurityWarning",
  ];
}

function foldersAbove(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersAbove(above)];
}

/** Where packages lie that stand in `folders` as links, and what they import in turn. */
function linkedFrom(folders: readonly string[]): string[] {
  const links = folders.flatMap(linksIn).filter((path) => existsSync(path));
  const above = links.flatMap((path) => foldersAbove(dirname(realpathSync(path))));
  return [...new Set(above.map((folder) => join(folder, "node_modules")))];
}

/** Of packages, also scoped ones, which lie a folder deeper. */
function linksIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) return [path];
    return entry.isDirectory() && entry.name.startsWith("@") ? linksIn(path) : [];
  });
}
