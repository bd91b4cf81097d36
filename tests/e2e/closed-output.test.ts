import { expect, test } from "@jest/globals";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { repository } from "../support/cli.ts";

const main = join(repository, "cli", "main.ts");

/** Runs `sotto ARGS | READER` in a real shell. @returns What the reader and standard error got, and the exit code of `sotto`. */
async function piped(args: string, reader: string): Promise<{ read: string; code: number; stderr: string }> {
  const line = `"$0" "$1" ${args} | ${reader}; echo "code \${PIPESTATUS[0]}"`;
  const env = { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1" };
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", line, process.execPath, main], { env });
  const [, read = "", code = ""] = /^([\s\S]*)code (\d+)\n$/.exec(stdout) ?? [];
  return { read, code: Number(code), stderr };
}

test("a program that reads no more ends the command without a word", async () => {
  expect(await piped("--help", "true")).toEqual({ read: "", code: 141, stderr: "" });
});

test("what is read to its end ends as ever", async () => {
  const { read, code, stderr } = await piped("--version", "cat");
  expect([code, stderr]).toEqual([0, ""]);
  expect(read).toMatch(/^\d+\.\d+\.\d+/);
});

test("a standard error that nobody reads loses words, and not the exit code", async () => {
  expect(await piped("query anything --dir nowhere 2>&1 >/dev/null", "true")).toMatchObject({ code: 2, stderr: "" });
});
