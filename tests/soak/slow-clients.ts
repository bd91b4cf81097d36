import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { precomputedEncoder } from "../../benchmarks/precomputed-encoder.ts";
import { COORDINATOR, LocalFederation } from "../../cli/local-federation.ts";
import { openNodeStore } from "../../cli/node-store.ts";
import { Fault } from "../../crypto/index.ts";
import { SottoClient } from "../../party-node/asking/index.ts";
import { openNode } from "../../party-node/node-folder.ts";
import { SoakCorpus } from "./corpus.ts";
import { Members } from "./members.ts";
import { SLOW_CASES, type SlowCase, type SlowEnd } from "./slow-cases.ts";

const HELP = `node scripts/run.mjs tests/soak/slow-clients.ts [options]: slow and greedy clients of a real coordinator and a real party

  --only WORDS  the cases whose names hold these words
  --seconds N   how long the end of a connection is waited for (60)
  --json        print the figures as JSON
  --help

Beside each, a member asks all the time. Ends with 0 when every one of its questions was answered.
`;

const PARTY = "alpha";
const HONEST = "honest";
const SLOW = "slow";
const DIM = 64;
const DOCUMENTS = 1000;
const SAMPLE_MS = 50;

/** What one case did. */
interface SlowFigures extends SlowEnd {
  readonly id: string;
  /** Resident memory at its peak, beyond what it was before. */
  readonly coordinatorMoreBytes: number;
  readonly partyMoreBytes: number;
  /** Of the member that asked meanwhile. */
  readonly questions: { readonly asked: number; readonly answered: number; readonly slowestMs: number };
}

const refuse = (why: string): never => {
  process.stderr.write(`${why}; see --help\n`);
  process.exit(2);
};

function parsed() {
  try {
    return parseArgs({
      options: {
        only: { type: "string", default: "" },
        seconds: { type: "string", default: "60" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

/** @param tell - Called with the figures of each case as they are there. */
async function measure(
  cases: readonly SlowCase[],
  patienceMs: number,
  tell: (figures: SlowFigures) => void,
): Promise<void> {
  await using made = new AsyncDisposableStack();
  const federation = made.use(
    new LocalFederation({
      parties: [{ name: PARTY, paths: [] }],
      encoder: precomputedEncoder(DIM),
      queriers: [HONEST, SLOW],
    }),
  );
  const store = openNodeStore(openNode(federation.folderOf(PARTY)));
  store.apply({ put: new SoakCorpus({ parties: [PARTY], documents: DOCUMENTS, dim: DIM }).records(PARTY), remove: [] });
  store.close();
  const members = made.use(
    await Members.create({
      ...{ federation, coordinators: [COORDINATOR], parties: [PARTY], querierGroups: [], seed: 1, random: () => 0 },
      asking: { dim: DIM, k: 1, deadlineMs: 10_000, pauseMsMax: 0 },
      onQuerierEvent: () => undefined,
      onUnexpectedEnd: (name, why) => {
        process.stderr.write(`${name} ${why}\n`);
        process.exitCode = 1;
      },
    }),
  );
  await members.start();
  const url = `ws://127.0.0.1:${members.port(COORDINATOR)}`;
  const slow = openNode(federation.folderOf(SLOW));
  const honest = openNode(federation.folderOf(HONEST));
  using client = await SottoClient.connect({
    ...{ identity: honest.identity, federation: honest.federation, encoder: precomputedEncoder(DIM) },
    coordinatorUrls: [url],
  });
  for (const { id, run } of cases) {
    const stop = new AbortController();
    const memory = [peak(members, COORDINATOR, stop.signal), peak(members, PARTY, stop.signal)];
    const questions = askMeanwhile(client, stop.signal);
    const { identity, federation: terms } = slow;
    const end = await run({
      url,
      port: members.port(COORDINATOR),
      party: PARTY,
      identity,
      federation: terms,
      patienceMs,
    });
    await sleep(500);
    stop.abort();
    const [coordinatorMoreBytes, partyMoreBytes] = await Promise.all(memory);
    tell({
      id,
      ...end,
      coordinatorMoreBytes: coordinatorMoreBytes!,
      partyMoreBytes: partyMoreBytes!,
      questions: await questions,
    });
  }
}

/** Resident memory at its most, beyond what it is now. */
async function peak(members: Members, name: string, stop: AbortSignal): Promise<number> {
  await members.liveBytes(name);
  const before = members.sample(name)?.residentBytes ?? 0;
  let most = before;
  while (!stop.aborted) {
    most = Math.max(most, members.sample(name)?.residentBytes ?? 0);
    await sleep(SAMPLE_MS);
  }
  return most - before;
}

async function askMeanwhile(client: SottoClient, stop: AbortSignal): Promise<SlowFigures["questions"]> {
  const questions = { asked: 0, answered: 0, slowestMs: 0 };
  while (!stop.aborted) {
    const began = performance.now();
    questions.asked++;
    try {
      const { passages } = await client.query(String(questions.asked), { k: 1, deadlineMs: 10_000 }).result;
      if (passages.length === 1) questions.answered++;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
    questions.slowestMs = Math.max(questions.slowestMs, Math.round(performance.now() - began));
    await sleep(100);
  }
  return questions;
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

function inWords({ id, endedAfterMs, sentBytes, coordinatorMoreBytes, partyMoreBytes, questions, note }: SlowFigures) {
  const end = endedAfterMs === null ? "not ended" : `ended after ${(endedAfterMs / 1000).toFixed(1)} s`;
  return (
    `${id}: ${end}, ${sentBytes} bytes sent; coordinator +${mib(coordinatorMoreBytes)} MiB, party +${mib(partyMoreBytes)} MiB; ` +
    `meanwhile ${questions.answered} of ${questions.asked} questions answered, the slowest in ${questions.slowestMs} ms${note === undefined ? "" : `; ${note}`}\n`
  );
}

async function main(): Promise<void> {
  const { only, seconds, json, help } = parsed();
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  if (!/^[1-9]\d{0,3}$/.test(seconds)) refuse("--seconds takes a whole number from 1 to 9999");
  const all: SlowFigures[] = [];
  const cases = SLOW_CASES.filter(({ id }) => id.includes(only));
  if (cases.length === 0)
    refuse(`--only: no case is called so; there are ${SLOW_CASES.map(({ id }) => id).join("; ")}`);
  await measure(cases, 1000 * Number(seconds), (figures) => {
    all.push(figures);
    (json ? process.stderr : process.stdout).write(inWords(figures));
  });
  if (json) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
  if (all.some(({ questions: { asked, answered } }) => answered < asked)) process.exitCode = 1;
}

await main();
