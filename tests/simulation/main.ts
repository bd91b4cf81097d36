import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { SimulationWorker } from "./simulation-worker.ts";
import { type Totals, simulate } from "./simulate.ts";

const MEMORY_FOLDER = "/dev/shm";
const HELP = `npm run -s simulate-federations -- [options]: whole federations in virtual time, on a network that fails, with machines that crash

  --runs N    how many (200)
  --from N    the first seed (1)
  --jobs N    processes (${String(availableParallelism())})
  --seed N    run this one alone, and print all that happens
  --all       go on after a failure
  --json      print the counts as JSON

Ends with 1, and says the seed, when something happened that never may: a wrong answer, a query key used twice, a budget exceeded, a question without an end.
`;

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string" },
    all: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function whole(name: "runs" | "from" | "jobs" | "seed"): number {
  const given = options[name] ?? "";
  if (/^\d{1,9}$/.test(given) && Number(given) > 0) return Number(given);
  process.stderr.write(`--${name} takes a whole number above 0\n`);
  process.exit(2);
}

async function replay(seed: number): Promise<number> {
  const worker = new SimulationWorker();
  const { violations, ...report } = await worker.run(seed, (line) => process.stdout.write(line));
  worker.close();
  process.stdout.write(`${JSON.stringify(report)}\n`);
  for (const { invariant, what } of violations) process.stdout.write(`${invariant}: ${what}\n`);
  return violations.length === 0 ? 0 : 1;
}

async function runMany(): Promise<number> {
  const started = performance.now();
  const [runs, from, jobs] = [whole("runs"), whole("from"), whole("jobs")];
  const showsProgress = !options.json && process.stderr.isTTY;
  const totals = await simulate({
    runs,
    from,
    jobs,
    stopsAtFailure: !options.all,
    onReport: (_, done) => {
      if (showsProgress) process.stderr.write(`\r${done} of ${runs}`);
    },
  });
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  process.stdout.write(options.json ? `${JSON.stringify({ ...totals, seconds }, null, 2)}\n` : told(totals, seconds));
  for (const { seed, violations } of totals.failed) {
    process.stderr.write(`seed ${seed} failed; repeat it with --seed ${seed}\n`);
    for (const { invariant, what } of violations) process.stderr.write(`  ${invariant}: ${what}\n`);
  }
  return totals.failed.length === 0 ? 0 : 1;
}

function told({ runs, events, virtualHours, questions, parties, faults, faultsInjected }: Totals, seconds: number) {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, times]) => `  ${name.padEnd(36)} ${String(times).padStart(8)}\n`)
      .join("");
  return `${runs} runs, ${virtualHours} h of virtual time, ${events} events, ${seconds} s\nquestions\n${list(questions)}parties, of answered questions\n${list(parties)}${faultsInjected} faults\n${list(faults)}`;
}

// Stores of simulated machines: in memory where the system has a folder there.
if (existsSync(MEMORY_FOLDER)) process.env["TMPDIR"] ??= MEMORY_FOLDER;
process.exitCode = options.help
  ? (process.stdout.write(HELP), 0)
  : await (options.seed === undefined ? runMany() : replay(whole("seed")));
