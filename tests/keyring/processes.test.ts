import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { Keyring, keyringLimits } from "../../party-node/keyring/index.ts";
import { isLongRun } from "../support/long.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { PASSPHRASE, cheap, entryOf } from "./entries.ts";

interface ChildOptions {
  readonly path: string;
  readonly prefix: string;
  readonly count: number;
  readonly passphrase?: string;
  /** After each entry; default 0. */
  readonly pauseMs?: number;
  /** Kills it (SIGKILL) so long after it has begun. */
  readonly killAfterMs?: number;
  /** It puts nothing before this; default is at once. */
  readonly start?: () => Promise<void>;
}

/** Runs keyring-child.ts to its end or until it is killed. @returns The names it has put. */
async function putInChild({
  path,
  prefix,
  count,
  pauseMs = 0,
  passphrase,
  killAfterMs,
  start = async () => {},
}: ChildOptions): Promise<string[]> {
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, "keyring-child.ts"),
      path,
      prefix,
      String(count),
      String(pauseMs),
      ...(passphrase ? [passphrase] : []),
    ],
    { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, NODE_OPTIONS: "" } },
  );
  const lines: string[] = [];
  const errors: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const exited = once(child, "close") as Promise<[number | null, string | null]>;
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    if (lines.length !== 1) return;
    void start().then(() => {
      child.stdin.end("go");
      if (killAfterMs !== undefined) void setTimeout(killAfterMs).then(() => child.kill("SIGKILL"));
    });
  });
  const [code, signal] = await exited;
  if (killAfterMs === undefined ? code !== 0 : signal !== "SIGKILL")
    throw new Error(`the child ended by itself: ${Buffer.concat(errors).toString().slice(0, 2000)}`);
  return lines.slice(1);
}

test("two processes put fifty entries each at the same time, and nothing is lost", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "keyring.json");
  const both = Promise.withResolvers<void>();
  let open = 0;
  const start = async () => {
    if (++open === 2) both.resolve();
    await both.promise;
  };
  const put = await Promise.all(["a", "b"].map((prefix) => putInChild({ path, prefix, count: 50, pauseMs: 2, start })));
  expect(put.map(({ length }) => length)).toEqual([50, 50]);
  using keyring = await Keyring.open(path);
  const names = keyring.entries.map(({ name }) => name);
  expect(names.toSorted()).toEqual(put.flat().toSorted());
  // Otherwise they did not run at the same time, and the test showed nothing.
  expect(names.slice(0, 50).every((name) => name.startsWith(names[0]?.[0] ?? ""))).toBe(false);
});

test.each([{ passphrase: undefined }, ...(isLongRun ? [{ passphrase: PASSPHRASE }] : [])])(
  "a process killed at any moment leaves a keyring that can be read and holds all it had put (passphrase: $passphrase)",
  async ({ passphrase }) => {
    using folder = temporaryFolder();
    const path = join(folder.path, "keyring.json");
    const ask = async () => PASSPHRASE;
    using keyring = await Keyring.open(path);
    keyring.put(entryOf("first"));
    if (passphrase !== undefined) await keyring.protect(passphrase, cheap);
    let acknowledged = 0;
    for (let round = 0; round < 12; round++) {
      const prefix = `r${String(round)}-`;
      const put = await putInChild({
        path,
        prefix,
        count: keyringLimits.entriesMax - 1,
        killAfterMs: 5 + 13 * round,
        ...(passphrase === undefined ? {} : { passphrase }),
      });
      using found = await Keyring.open(path, ask);
      const names = found.entries.map(({ name }) => name).filter((name) => name !== "first");
      // The last one may have been put without having been said.
      expect(names.slice(0, put.length)).toEqual(put);
      expect(names.length).toBeLessThanOrEqual(put.length + 1);
      acknowledged += put.length;
      keyring.put(entryOf("first")); // takes the lock, and clears what the killed process left
      for (const name of names) keyring.remove(name);
    }
    expect(acknowledged).toBeGreaterThan(5);
  },
);
