import { Presets, SingleBar } from "cli-progress";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { Fault } from "../crypto/fault.ts";
import { openEncoder } from "../party-node/encoders/index.ts";
import { ATTACKS } from "../simulations/security/attacks.ts";
import { type SecurityReport, assembleReport } from "../simulations/security/report.ts";
import { reportInHtml } from "../simulations/security/report-html.ts";
import { reportInMarkdown } from "../simulations/security/report-markdown.ts";
import { type EvaluationProgress, runAttacks } from "../simulations/security/run-attacks.ts";
import type { EvaluationSettings } from "../simulations/security/settings.ts";
import { verdictLines } from "../simulations/security/verdicts.ts";
import { loadVictim } from "../simulations/security/victim.ts";
import { plainTable } from "../simulations/plain-table.ts";
import { findDataFolder } from "./data-folder.ts";
import type { EvaluateOptions } from "./evaluate-options.ts";
import { jsonLine } from "./printable.ts";
import { onStop } from "./supervision.ts";
import { version } from "./version.ts";

export async function evaluateSecurity(options: EvaluateOptions): Promise<void> {
  const stop = new AbortController();
  onStop(() => {
    stop.abort();
  });
  const settings = settingsOf(options);
  // What is wrong with somebody's files is said before minutes have passed.
  const victim = await loadVictim(settings);
  for (const spec of settings.encoders) await (await openEncoder(spec)).close();
  const out = outFolder(options.out);
  const startedAt = new Date().toISOString();
  const began = performance.now();
  const outcomes = await withBar((onProgress) =>
    runAttacks({
      settings,
      attacks: options.only ?? Object.keys(ATTACKS),
      processes: options.processes,
      signal: stop.signal,
      onProgress,
    }),
  );
  const seconds = Math.round((performance.now() - began) / 1000);
  const { length: cores, [0]: first } = cpus();
  const machine = `${cores} cores, ${first?.model.trim() ?? process.arch}, Node ${process.versions.node}`;
  const report = assembleReport({ version, settings, victim, outcomes, times: { startedAt, seconds, machine } });
  await mkdir(out, { recursive: true });
  await writeFile(join(out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(out, "report.md"), reportInMarkdown(report));
  await writeFile(join(out, "report.html"), await reportInHtml(report));
  process.stdout.write(options.json ? jsonLine(report) : inWords(report));
  process.stderr.write(`The report is in ${out}: report.html, report.md, report.json.\n`);
  const failed = report.missing.filter((attack) => attack.failed);
  if (failed.length > 0)
    throw new Fault("ATTACK_FAILED", `broke off: ${failed.map(({ name, why }) => `${name} (${why})`).join("; ")}`);
}

function settingsOf(options: EvaluateOptions): EvaluationSettings {
  const { corpus, queries, qrels, encoder, quick, full, seed, beta, epsilon, rotation, scoreBits, k, queryBudget } =
    options;
  if ((corpus === undefined) !== (queries === undefined))
    throw new Fault("SETTINGS_INVALID", "--corpus and --queries go together: give both, or neither");
  if (corpus === undefined && qrels !== undefined)
    throw new Fault("SETTINGS_INVALID", "--qrels is for your own collection: give --corpus and --queries too");
  const dataFolder = options.data ?? findDataFolder();
  if (dataFolder !== null && !existsSync(dataFolder)) throw new Fault("FILE_MISSING", `${dataFolder} does not exist`);
  return {
    effort: quick ? "quick" : full ? "full" : "standard",
    seed,
    dataFolder,
    corpus:
      corpus === undefined || queries === undefined
        ? null
        : { documents: join(corpus, "corpus.jsonl"), queries, qrels: qrels ?? null },
    encoders: encoder ?? defaultEncoders(dataFolder, corpus !== undefined),
    beta,
    epsilon: epsilon ?? null,
    rotation,
    scoreBits,
    k,
    queryBudget: queryBudget ?? null,
  };
}

/** The encoder that ships, and before it a dense one if one lies beside the public data. */
function defaultEncoders(dataFolder: string | null, isOwnCollection: boolean): string[] {
  const model = dataFolder === null ? null : join(dataFolder, "..", "models", "potion-base-2M");
  if (isOwnCollection || model === null || !existsSync(model)) return ["lexical"];
  return [`onnx:${model}`, "lexical"];
}

/** Never one that has a report. @throws Fault OUT_TAKEN. */
function outFolder(given: string | undefined): string {
  const isTaken = (folder: string): boolean => existsSync(join(folder, "report.json"));
  if (given !== undefined) {
    if (isTaken(given)) throw new Fault("OUT_TAKEN", `${given} has a report already; give another --out, or remove it`);
    return given;
  }
  for (let count = 1; ; count++) {
    const folder = count === 1 ? "security-report" : `security-report-${String(count)}`;
    if (!isTaken(folder)) return folder;
  }
}

function inWords(report: SecurityReport): string {
  const table = plainTable(["attack", "who", "mode", "outcome", "withstood"], 4);
  for (const { name, role, mode, verdict, withstood } of verdictLines(report))
    table.push([name, role, mode, verdict, withstood]);
  const advice = report.sections.flatMap((section) => section.advice);
  const missing = report.missing.map(({ name, why }) => `Not run: ${name}. ${why}`);
  return [
    table.toString(),
    ...(advice.length === 0 ? [] : ["\nWhat to change", ...advice.map(({ setting, text }) => `  ${setting}: ${text}`)]),
    ...missing,
    "",
  ].join("\n");
}

async function withBar<Value>(
  work: (onProgress: (progress: EvaluationProgress) => void) => Promise<Value>,
): Promise<Value> {
  const bar = new SingleBar(
    {
      format: "  {bar} {percentage}%  {done} of {count} attacks  {left}  {running}",
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 5000,
      barsize: 24,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  bar.start(100, 0, { done: 0, count: 0, left: "", running: "" });
  try {
    return await work(({ share, done, total, secondsLeft, running }) => {
      const left = secondsLeft === null ? "" : `about ${inMinutes(secondsLeft)} left`;
      bar.update(Math.floor(100 * share), { done, count: total, left, running: running.join(", ") });
    });
  } finally {
    bar.stop();
  }
}

function inMinutes(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  return whole < 90 ? `${whole} s` : `${Math.round(whole / 60)} min`;
}
