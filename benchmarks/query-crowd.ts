import { join } from "node:path";
import type { LocalFederation } from "../cli/local-federation.ts";
import type { CrowdArguments, CrowdReply, CrowdRequest } from "./crowd-worker.ts";
import { type Row, against, noted, versus } from "./measure.ts";
import { cpuMsOf } from "./process-figures.ts";
import { say } from "./report.ts";
import { Worker } from "./worker.ts";

const WORKERS = 2;
const WARM_UPS = 1;
const ROUNDS = 7;

export interface CrowdOptions {
  /** Not running; started in private mode here and stopped again. */
  readonly federation: LocalFederation;
  /** Queriers of the federation; the connections are spread over them. */
  readonly identities: readonly string[];
  readonly parties: readonly string[];
  /** Connections that ask at once. */
  readonly queriers: number;
  readonly dim: number;
  readonly signal: AbortSignal;
}

type CrowdWorker = Worker<CrowdRequest, CrowdReply>;

interface Round {
  /** A query, from the first one's start to the last one's answer, divided by their number. */
  readonly perQueryMs: number;
  /** Processor time of all parties a query; null where it cannot be had. */
  readonly cpuMs: number | null;
  readonly busy: number;
  readonly lost: number;
}

/** All queriers ask at once, then the same ones one after the other, with keys ready each time. */
export async function crowdRows(options: CrowdOptions): Promise<Row[]> {
  const { federation, queriers, signal } = options;
  say(`connecting ${queriers} queriers`);
  await federation.start("private");
  await using workers = new AsyncDisposableStack();
  const crowd = argumentsOf(options).map((args): CrowdWorker =>
    workers.use(new Worker("./crowd-worker.ts", [JSON.stringify(args)])),
  );
  const [atOnce, inTurn]: [Round[], Round[]] = [[], []];
  // One after the other at first, so that the first downloads the hints for all.
  for (const worker of crowd) await worker.request({ warm: true });
  say("asking at once and one after the other");
  for (let round = 0; round < WARM_UPS + ROUNDS; round++) {
    signal.throwIfAborted();
    const together = await measureRound(crowd, options, { together: true, round });
    const apart = await measureRound(crowd, options, { together: false, round });
    if (round < WARM_UPS) continue;
    atOnce.push(together);
    inTurn.push(apart);
  }
  await federation.stop();
  return rowsOf(atOnce, inTurn, queriers);
}

/** The connections of each worker. */
function argumentsOf({ federation, identities, queriers, dim }: CrowdOptions): CrowdArguments[] {
  const folders = Array.from({ length: queriers }, (_, i) => federation.folderOf(identities[i % identities.length]!));
  const each = Math.ceil(queriers / WORKERS);
  return Array.from({ length: Math.ceil(queriers / each) }, (_, w) => ({
    folders: folders.slice(w * each, (w + 1) * each),
    hintFolder: join(federation.folderOf(identities[0]!), "hints"),
    dim,
  }));
}

async function measureRound(
  crowd: readonly CrowdWorker[],
  { federation, parties, queriers }: CrowdOptions,
  { together, round }: { readonly together: boolean; readonly round: number },
): Promise<Round> {
  const each = Math.ceil(queriers / WORKERS);
  const request = (w: number): CrowdRequest => ({ together, firstQuestion: 1000 * (round + 1) + w * each });
  await Promise.all(crowd.map((worker) => worker.request({ warm: true })));
  const pids = federation.processes.filter(({ name }) => parties.includes(name)).map(({ pid }) => pid);
  const cpuBefore = pids.map(cpuMsOf);
  const began = performance.now();
  const replies: CrowdReply[] = [];
  if (together) replies.push(...(await Promise.all(crowd.map((worker, w) => worker.request(request(w))))));
  else for (const [w, worker] of crowd.entries()) replies.push(await worker.request(request(w)));
  const elapsed = together ? performance.now() - began : sum(replies.map(({ elapsedMs }) => elapsedMs));
  const cpu = pids.map((pid, i) => difference(cpuMsOf(pid), cpuBefore[i] ?? null));
  return {
    perQueryMs: elapsed / queriers,
    cpuMs: cpu.some((ms) => ms === null) ? null : sum(cpu.map(Number)) / queriers,
    busy: sum(replies.map(({ busy }) => busy)),
    lost: sum(replies.map(({ lost }) => lost)),
  };
}

function rowsOf(atOnce: readonly Round[], inTurn: readonly Round[], queriers: number): Row[] {
  const wall = (rounds: readonly Round[]): number[] => rounds.map(({ perQueryMs }) => perQueryMs);
  const cpu = (rounds: readonly Round[]): number[] => rounds.flatMap(({ cpuMs }) => cpuMs ?? []);
  const all = [...atOnce, ...inTurn];
  const name = "one after the other";
  return [
    versus(`${queriers} queriers at once, a query`, wall(atOnce), { name, times: wall(inTurn) }, "<= 1"),
    ...(cpu(atOnce).length > 0
      ? [versus("the same, processor time of all parties", cpu(atOnce), { name, times: cpu(inTurn) }, "<= 1")]
      : []),
    against("queries lost", sum(all.map(({ lost }) => lost)), `of ${all.length * queriers}`, "<= 0"),
    noted("refusals as busy, asked again", sum(all.map(({ busy }) => busy)), `to ${all.length * queriers}`),
  ];
}

function difference(after: number | null, before: number | null): number | null {
  return after === null || before === null ? null : after - before;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
