import { describe, expect, test } from "@jest/globals";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Command } from "commander";
import { coordinatorCommand } from "../../cli/coordinator.ts";
import { nodeCommand } from "../../cli/node.ts";
import { EXIT_NOT_ITS_PLACE } from "../../cli/supervision.ts";
import { repository } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const run = promisify(execFile);
const read = (name: string): string => readFileSync(join(repository, "examples", name), "utf8");
const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;
const withSystemd = hasSystemd ? test : test.skip;
const units = ["sotto-node.service", "sotto-coordinator.service"] as const;

/** Names that a command line gives and the command does not have. */
function unknownOptions(args: readonly string[]): string[] {
  const [name, ...rest] = args;
  const command: Command | undefined = [nodeCommand(), coordinatorCommand()].find((one) => one.name() === name);
  const known = new Set(command?.options.map(({ long }) => long));
  return rest.filter((arg) => arg.startsWith("--") && !known.has(arg));
}

describe.each(units)("%s", (unit) => {
  const lines = read(unit).split("\n");
  const values = (name: string): string[] =>
    lines.flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));

  test("starts what the command line has, as nobody in particular, with nothing but its folder to write to", () => {
    const [program, ...args] = values("ExecStart")[0]?.split(" ") ?? [];
    expect(program).toBe("/usr/bin/sotto");
    expect(args[0]).toBe(unit.slice("sotto-".length, -".service".length));
    expect(unknownOptions(args)).toEqual([]);
    expect(values("User")).toEqual(["sotto"]);
    for (const [name, value] of Object.entries({
      NoNewPrivileges: "yes",
      ProtectSystem: "strict",
      ProtectHome: "yes",
      CapabilityBoundingSet: "",
      StateDirectory: "sotto",
      StateDirectoryMode: "0700",
      UMask: "0077",
      RestartPreventExitStatus: String(EXIT_NOT_ITS_PLACE),
    }))
      expect([name, ...values(name)]).toEqual([name, value]);
  });

  withSystemd(
    `is understood by systemd-analyze and exposes little${hasSystemd ? "" : " (systemd is not here)"}`,
    async () => {
      using folder = temporaryFolder();
      const path = join(folder.path, unit);
      // Only what is not installed here is replaced.
      writeFileSync(path, read(unit).replace("/usr/bin/sotto", "/usr/bin/env"));
      const verified = await run("systemd-analyze", ["verify", "--man=no", path]);
      expect(verified.stdout + verified.stderr).toBe("");
      // From 0 to 10 in tenths; fails above the threshold.
      await run("systemd-analyze", ["security", "--offline=true", "--threshold=20", "--no-pager", path]);
    },
  );
});

describe("Containerfile", () => {
  const instructions = read("Containerfile")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ name: line.split(" ", 1)[0] ?? "", rest: line.slice(line.indexOf(" ") + 1).trim() }));
  const last = (name: string): string => instructions.findLast((one) => one.name === name)?.rest ?? "";

  test("runs the packed package as an ordinary user, with Node of the version we need", () => {
    const known = "FROM ENV COPY RUN USER WORKDIR VOLUME STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD".split(" ");
    expect(instructions.filter(({ name }) => !known.includes(name))).toEqual([]);
    expect(last("FROM")).toMatch(/^node:24-/);
    expect(last("USER")).toBe("node");
    const order = instructions.map(({ name }) => name);
    expect(order.indexOf("USER")).toBeGreaterThan(order.lastIndexOf("RUN"));
    expect(last("STOPSIGNAL")).toBe("SIGTERM");
  });

  test("starts what the command line has, and asks for its health where that is served", () => {
    expect(JSON.parse(last("ENTRYPOINT"))).toEqual(["sotto"]);
    const args = JSON.parse(last("CMD")) as string[];
    expect(unknownOptions(args)).toEqual([]);
    const port = args[args.indexOf("--metrics-port") + 1] ?? "none";
    expect(last("HEALTHCHECK")).toContain(`http://127.0.0.1:${port}/healthz`);
    const asked = /CMD (\[.*\])$/.exec(last("HEALTHCHECK"))?.[1] ?? "";
    expect(JSON.parse(asked)).toEqual(["node", "-e", expect.any(String)]);
  });
});
