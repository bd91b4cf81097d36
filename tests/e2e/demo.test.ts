import { expect, test } from "@jest/globals";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Cli, isRunning, repository, secretsBelow } from "../support/cli.ts";
import { isLongRun } from "../support/long.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface DemoReport {
  readonly questions: readonly {
    readonly question: string;
    readonly passages: readonly {
      readonly party: string;
      readonly documentId: string;
      readonly text: string;
      readonly score: number;
    }[];
  }[];
  readonly plaintextOverlapAtK: number;
  readonly timingsMs: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, { readonly in: number; readonly out: number }>>;
  readonly processes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly messages: Readonly<Record<string, number>>;
    readonly readable: readonly string[];
  }[];
}

const expected = JSON.parse(readFileSync(join(repository, "demo", "questions.json"), "utf8")) as {
  question: string;
  answerIn: string;
  documentId: string;
}[];

/** Folders that Sotto left in the given temporary folder. */
const leftovers = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith("sotto-"));

/** Arguments of every running process that works below a folder; Linux tells, elsewhere there are none. */
function commandsBelow(folder: string): string[] {
  const ids = process.platform === "linux" ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  return ids
    .map((id) => {
      try {
        return readFileSync(`/proc/${id}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // has just ended
      }
    })
    .filter((command) => command.includes(folder));
}

test("the demo answers three questions from three parties, shows that nobody could read them, and leaves nothing behind", async () => {
  using tmp = temporaryFolder();
  await using demo = new Cli(["demo", "--json"], { env: { TMPDIR: tmp.path } });
  await demo.printed(/a process of its own/, 60_000);
  const secrets = secretsBelow(tmp.path);
  const commands = commandsBelow(tmp.path).join("\n");
  const { code, stdout, stderr } = await demo.exited;
  expect(stderr).not.toMatch(/error|bug in Sotto/);
  expect(code).toBe(0);

  const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as DemoReport;
  expect(report.questions.map(({ question, passages: [best] }) => [question, best?.party, best?.documentId])).toEqual(
    expected.map(({ question, answerIn, documentId }) => [question, answerIn, documentId]),
  );
  expect(new Set(expected.map(({ answerIn }) => answerIn)).size).toBe(3);
  for (const { passages } of report.questions) {
    expect(passages).toHaveLength(3);
    for (const { text, score } of passages) expect([text.length > 40, Number.isFinite(score)]).toEqual([true, true]);
    expect(passages.map(({ score }) => score)).toEqual(passages.map(({ score }) => score).sort((a, b) => b - a));
  }
  expect(report.plaintextOverlapAtK).toBe(1);
  expect(report.timingsMs["total"]).toBeGreaterThan(report.timingsMs["queries"] ?? Infinity);

  expect(report.processes.map(({ name }) => name).sort()).toEqual([
    "coordinator",
    "hale-and-partners",
    "northgate-bank",
    "riverside-hospital",
  ]);
  expect(new Set(report.processes.map(({ pid }) => pid)).size).toBe(4);
  for (const { name, pid, messages, readable } of report.processes) {
    expect({ name, readable, running: isRunning(pid) }).toEqual({ name, readable: [], running: false });
    expect(messages["query"]).toBeGreaterThanOrEqual(3);
    // A transcript of nothing would hold nothing readable either: each question is a ciphertext of more than 200 kB.
    expect(report.bytes[name]?.in).toBeGreaterThan(600_000);
  }
  expect(leftovers(tmp.path)).toEqual([]);

  if (process.platform === "linux") expect(commands.match(/ (coordinator|node) --dir /g)).toHaveLength(4);
  expect(secrets.length).toBeGreaterThan(0);
  for (const secret of secrets) expect((commands + stdout + stderr).includes(secret)).toBe(false);
});

// Ctrl-C in a terminal reaches every process of the group at once; a kill reaches the demo alone.
test.each([
  ...(isLongRun ? ([["while it ingests", /Three organisations/, true]] as const) : []),
  ["while it asks", /a process of its own/, true],
  ...(isLongRun ? ([["while it asks", /a process of its own/, false]] as const) : []),
] as const)("Ctrl-C %s ends the demo and leaves nothing behind (%p, whole group: %p)", async (_, moment, group) => {
  using tmp = temporaryFolder();
  // Three questions are asked within a few tenths of a second: a busy machine may get here when the demo has ended, though not five times.
  let code: number | null = 0;
  for (let tries = 0; tries < 5 && code === 0; tries++) {
    await using demo = new Cli(["demo"], { env: { TMPDIR: tmp.path }, ownGroup: true });
    await demo.printed(moment, 60_000);
    await sleep(20);
    demo.kill("SIGINT", { group });
    ({ code } = await demo.exited);
  }
  expect(code).toBe(130);
  expect(leftovers(tmp.path)).toEqual([]);
  expect(commandsBelow(tmp.path)).toEqual([]);
});
