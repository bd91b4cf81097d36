import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { cpus, totalmem } from "node:os";
import Table from "cli-table3";
import { Command } from "commander";
import { onStop } from "../cli/supervision.ts";
import { type Row, formatNumber } from "./measure.ts";

/** What a benchmark finds. */
export interface Findings {
  /** What it ran with, sizes and counts. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
}

/** What `--json` prints as the last line. */
export interface Report extends Findings {
  readonly benchmark: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}

/** Of what decides the figures, ours and the opponents'. */
export function versions(): Record<string, string> {
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    sotto: version(new URL("../package.json", import.meta.url)),
    usearch: installed("usearch"),
    seal: installed("node-seal"),
  };
}

function installed(name: string): string {
  try {
    const path = findPackageJSON(name, import.meta.url);
    return path === undefined ? "not found" : version(path);
  } catch {
    return "not found";
  }
}

function version(manifest: string | URL): string {
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

/**
 * A benchmark as a command: runs it, prints its table and, with `--json`, one {@link Report} as the last line.
 *
 * @param run - Gives up with an error soon after the signal, which is Ctrl-C.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what its options give
export function benchmarkCommand<Options extends object>(
  name: string,
  description: string,
  run: (options: Options, signal: AbortSignal) => Promise<Findings>,
): Command {
  return new Command(name)
    .description(description)
    .option("--json", "print one JSON object as the last line", false)
    .action(async ({ json, ...options }: { readonly json: boolean }) => {
      const stop = new AbortController();
      onStop(() => {
        stop.abort();
      });
      const { parameters, rows } = await run(options as Options, stop.signal);
      console.log(tableOf(rows));
      const report: Report = { benchmark: name, parameters, machine: machine(), versions: versions(), rows };
      if (json) console.log(JSON.stringify(report));
    });
}

/** Says on standard error what a long run is at. */
export function say(what: string): void {
  process.stderr.write(`${what}\n`);
}

function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ["", "value", "against", "ratio", "spread", "target", "met"],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    table.push([
      row.name,
      `${formatNumber(row.value)} ${row.unit}`,
      row.opponent ?? "",
      row.ratio === null ? "" : row.ratio.toFixed(2),
      row.spread === null ? "" : `${Math.round(100 * row.spread)} %`,
      row.target ?? "",
      verdict(row),
    ]);
  }
  return table.toString();
}

function verdict({ target, met }: Row): string {
  if (target === null) return "";
  return met === null ? "opponent not found" : met ? "yes" : "NO";
}
