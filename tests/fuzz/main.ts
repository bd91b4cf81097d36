import { availableParallelism } from "node:os";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { temporaryFolder } from "../../simulations/federation/temporary-folder.ts";
import { inputText, keepCorpus, readInputs } from "./corpus-files.ts";
import { examine } from "./examine.ts";
import { FuzzWorker } from "./fuzz-worker.ts";
import type { Finding, FuzzReport } from "./fuzzer.ts";

const MEMORY_FOLDER = "/dev/shm";
const HELP = `npm run fuzz -- [options]: every decoder of bytes that come from elsewhere, coverage-guided

  --seconds N   for all decoders together (60 without --inputs)
  --inputs N    for each decoder
  --only NAMES  these decoders, with commas between them
  --seed S      of the inputs (1)
  --jobs N      threads (${String(availableParallelism())})
  --replay FILE give the one decoder of --only the inputs of a file, base64 in paragraphs
  --keep        write inputs that reach new code into tests/fuzz/corpus
  --json        print the counts as JSON

Ends with 1 when an input did what none may do: see tests/fuzz/target.ts.
`;

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string" },
    inputs: { type: "string" },
    only: { type: "string" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
    replay: { type: "string" },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** The decoders that were asked for. */
function chosen(all: readonly string[]): string[] {
  const names = options.only?.split(",") ?? [...all];
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) refuse(`--only: no decoder is called ${unknown}; there are ${all.join(", ")}`);
  return names;
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}

function count(name: "seconds" | "inputs" | "seed" | "jobs"): number | null {
  const given = options[name];
  if (given === undefined) return null;
  if (!/^\d{1,9}$/.test(given) || (name !== "seed" && Number(given) === 0))
    refuse(`--${name} takes a whole number above 0`);
  return Number(given);
}

async function fuzzAll(folder: string): Promise<number> {
  const [seed, inputs] = [count("seed") ?? 1, count("inputs")];
  const seconds = count("seconds") ?? (inputs === null ? 60 : null);
  const started = performance.now();
  const first = worker(folder, 0);
  const waiting = chosen(await first.names());
  const jobs = Math.min(count("jobs") ?? 1, waiting.length);
  const reports: FuzzReport[] = [];
  const millisecondsLeft = (): number => {
    if (seconds === null) return Infinity;
    const left = Math.max(0, 1000 * seconds - (performance.now() - started));
    // Those under way in other threads end about when this one begins.
    return (left * jobs) / (waiting.length + jobs);
  };
  const work = async (_: unknown, job: number): Promise<void> => {
    const fuzzing = job === 0 ? first : worker(folder, job);
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const task = {
        name,
        seed,
        inputsMax: inputs ?? Infinity,
        millisecondsMax: millisecondsLeft(),
        keep: options.keep,
      };
      const report = await fuzzing.fuzz(task);
      reports.push(report);
      if (!options.json) process.stdout.write(`${line(report)}\n`);
      if (options.keep) keepCorpus(name, report.corpus);
    }
    await fuzzing.close();
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const findings = reports.flatMap((report) => report.findings);
  if (options.json) process.stdout.write(`${JSON.stringify(summary(reports, seed, started), null, 2)}\n`);
  else {
    const total = reports.reduce((sum, report) => sum + report.inputs, 0);
    process.stdout.write(
      `${String(total)} inputs to ${String(reports.length)} decoders, ${String(findings.length)} findings\n`,
    );
    for (const finding of findings) process.stdout.write(told(finding));
  }
  return findings.length === 0 ? 0 : 1;
}

/** With a folder of its own. */
function worker(folder: string, job: number): FuzzWorker {
  const own = join(folder, String(job));
  mkdirSync(own);
  return new FuzzWorker({ folder: own });
}

const line = ({ target, inputs, accepted, blocks, reasons, seconds, findings }: FuzzReport): string =>
  `${target.padEnd(24)} ${String(inputs).padStart(9)} inputs ${String(accepted).padStart(9)} taken ${String(blocks).padStart(5)} blocks ` +
  `${String(reasons).padStart(4)} reasons ${seconds.toFixed(1).padStart(6)} s ${findings.length > 0 ? `${String(findings.length)} FINDINGS` : ""}`;

function told({ target, kind, message, where, seed, input }: Finding): string {
  return (
    `\n${target}: ${kind} ${where}\n  ${message}\n  found with --seed ${String(seed)}; put these lines into a file and run npm run fuzz -- --only ${target} --replay FILE\n` +
    inputText([input])
  );
}

function summary(reports: readonly FuzzReport[], seed: number, started: number): unknown {
  return {
    seed,
    seconds: Math.round(performance.now() - started) / 1000,
    inputs: reports.reduce((sum, { inputs }) => sum + inputs, 0),
    decoders: reports
      .map(({ target, inputs, accepted, refused, blocks, reasons }) => ({
        target,
        inputs,
        accepted,
        refused,
        blocks,
        reasons,
      }))
      .sort((a, b) => (a.target < b.target ? -1 : 1)),
    findings: reports.flatMap(({ findings }) =>
      findings.map(({ input, ...finding }) => ({ ...finding, input: Buffer.from(input).toString("base64") })),
    ),
  };
}

async function replay(folder: string, file: string): Promise<number> {
  const { fuzzTargets } = await import("./registry.ts");
  const target = fuzzTargets(folder).find(({ name }) => name === options.only);
  if (!target) refuse("--replay takes one decoder: name it with --only");
  const inputs = readInputs(file);
  if (inputs.length === 0) refuse(`${file} holds no inputs`);
  let bugs = 0;
  for (const input of inputs) {
    const { bug, reason } = await examine(target, input);
    if (bug) bugs++;
    process.stdout.write(bug ? `${bug.kind} ${bug.where}: ${bug.message}\n` : `${reason}\n`);
  }
  return bugs === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  // Decoders of files are given one after the other: in memory where the system has a folder there.
  if (existsSync(MEMORY_FOLDER)) process.env["TMPDIR"] ??= MEMORY_FOLDER;
  using folder = temporaryFolder();
  return await (options.replay === undefined ? fuzzAll(folder.path) : replay(folder.path, options.replay));
}

process.exitCode = await main();
