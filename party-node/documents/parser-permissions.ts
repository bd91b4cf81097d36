import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseLimits } from "./formats/parse-limits.ts";

/** Options of Node that leave a process its own modules and nothing else. */
export function parserPermissions(): string[] {
  const here = import.meta.dirname;
  const root = join(here, "..", "..");
  const readable = [
    here,
    join(root, "protocol"),
    ...[root, join(root, "..")].map((folder) => join(folder, "package.json")),
    ...foldersAbove(root).map((folder) => join(folder, "node_modules")),
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
