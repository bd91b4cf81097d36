import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What opens a file in a person's browser. */
const OPENERS: Partial<Record<NodeJS.Platform, readonly [command: string, ...args: string[]]>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
  linux: ["xdg-open"],
};

/**
 * Opens a link in the person's browser, by way of a file that only they can read: other users of the machine see a command's arguments, and would be there first. Where nothing opens it,
 * nothing happens.
 *
 * @returns Removes the file; to be called when the link was used.
 */
export function openBrowser(link: string): () => void {
  const folder = mkdtempSync(join(tmpdir(), "sotto-console-"));
  const file = join(folder, "open.html");
  writeFileSync(file, `<!doctype html><meta http-equiv="refresh" content="0; url=${link}"><title>Sotto</title>`, {
    mode: 0o600,
  });
  const [command, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  const child = spawn(command, [...args, file], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
