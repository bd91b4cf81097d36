import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

/** Most of the folders that are named to somebody who has named none. */
const NODES_SHOWN_MAX = 5;

/**
 * What to do about a folder that is no node's: the nodes right below it, or below the current folder where it does not exist, and how to make one where there is none.
 *
 * @param folder - Absolute.
 * @param configFile - What makes a folder a node's.
 */
export function whereNodesAre(folder: string, configFile: string): string {
  const found = foldersBelow(existsSync(folder) ? folder : process.cwd()).filter((path) =>
    existsSync(join(path, configFile)),
  );
  if (found.length > 0)
    return `there is a node in a folder below: add ${found.slice(0, NODES_SHOWN_MAX).map(asOption).join(" or ")}`;
  return "say with --dir where the node is. Who was invited makes one with `sotto federation join - --dir DIR` and the invitation's line, everybody else with `sotto init NAME --dir DIR`";
}

function asOption(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return `--dir ${fromHere !== "" && fromHere.length < path.length ? fromHere : path}`;
}

function foldersBelow(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? join(folder, entry.name) : [])).sort();
  } catch {
    return []; // it may be a file, or closed to whoever asks
  }
}
