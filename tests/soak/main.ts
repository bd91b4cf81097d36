import { parseArgs } from "node:util";
import { EXIT_STOPPED } from "../../cli/supervision.ts";
import { SOAK_DEFAULTS, type SoakOptions } from "./options.ts";
import { soak } from "./soak.ts";
import { inWords } from "./report-text.ts";

const HELP = `npm run soak -- [options]: coordinators, three parties and queriers as real processes, asked all the time, killed, cut off and revived

  --minutes N       how long (${SOAK_DEFAULTS.minutes}); a fault that is under way then is seen through
  --coordinators N  1, or 2: one that stands by (${SOAK_DEFAULTS.coordinators})
  --queriers N      how many ask at the same time (${SOAK_DEFAULTS.queriers}), in ${SOAK_DEFAULTS.querierProcesses} processes
  --documents N     of each party at first, five passages each (${SOAK_DEFAULTS.documents})
  --dim N           dimensions of the vectors (${SOAK_DEFAULTS.dim})
  --seed N          of the faults, the wires and the documents (${SOAK_DEFAULTS.seed}); times are the machine's
  --json            print the report as JSON
  --help

Progress goes to standard error. Ctrl-C ends all processes and prints what was counted so far. Ends with 0 only when all that has to hold holds.
`;

const refuse = (why: string): never => {
  process.stderr.write(`${why}; see --help\n`);
  process.exit(2);
};

function parsed() {
  try {
    return parseArgs({
      options: {
        minutes: { type: "string", default: String(SOAK_DEFAULTS.minutes) },
        coordinators: { type: "string", default: String(SOAK_DEFAULTS.coordinators) },
        queriers: { type: "string", default: String(SOAK_DEFAULTS.queriers) },
        documents: { type: "string", default: String(SOAK_DEFAULTS.documents) },
        dim: { type: "string", default: String(SOAK_DEFAULTS.dim) },
        seed: { type: "string", default: String(SOAK_DEFAULTS.seed) },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const given = parsed();

function whole(name: "coordinators" | "queriers" | "documents" | "dim" | "seed", min: number, max: number): number {
  const value = Number(given[name]);
  if (!/^\d{1,9}$/.test(given[name]) || value < min || value > max)
    return refuse(`--${name} takes a whole number from ${min} to ${max}`);
  return value;
}

function options(): SoakOptions {
  const minutes = Number(given.minutes);
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(given.minutes) || minutes === 0)
    return refuse("--minutes takes a number above 0 and below 10,000");
  return {
    ...SOAK_DEFAULTS,
    minutes,
    coordinators: whole("coordinators", 1, 2),
    queriers: whole("queriers", SOAK_DEFAULTS.querierProcesses, 256),
    documents: whole("documents", 1, 2000),
    dim: whole("dim", 16, 1024),
    seed: whole("seed", 0, 1_000_000),
  };
}

async function main(): Promise<number> {
  if (given.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const chosen = options();
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
  const began = performance.now();
  const report = await soak(chosen, stop.signal, (line) => {
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
  });
  process.stdout.write(given.json ? `${JSON.stringify(report, null, 2)}\n` : inWords(report));
  if (stop.signal.aborted) return EXIT_STOPPED;
  return report.invariants.every(({ holds }) => holds) ? 0 : 1;
}

process.exitCode = await main();
