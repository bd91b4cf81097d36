import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

/** Runs store-child.ts, kills it (SIGKILL) so many milliseconds after its `lines`-th line, and returns what it wrote. */
export async function killedChild(
  options: object,
  what: "put" | "erase",
  { lines, delayMs, firstRow = 0 }: { readonly lines: number; readonly delayMs: number; readonly firstRow?: number },
): Promise<string[]> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "store-child.ts"), JSON.stringify(options), what, firstRow.toString()],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const written: string[] = [];
  const errors: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const exited = once(child, "close") as Promise<[number | null, string | null]>;
  createInterface(child.stdout).on("line", (line) => {
    written.push(line);
    if (written.length === lines) void setTimeout(delayMs).then(() => child.kill("SIGKILL"));
  });
  const [, signal] = await exited;
  if (signal !== "SIGKILL")
    throw new Error(`the child ended by itself: ${Buffer.concat(errors).toString().slice(0, 2000)}`);
  return written;
}
