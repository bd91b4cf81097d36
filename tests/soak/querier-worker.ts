/*
 * Some of the soak's queriers, in a process of their own: each asks, waits for what becomes of it, pauses, and asks again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { precomputedEncoder } from "../../benchmarks/precomputed-encoder.ts";
import { Fault } from "../../crypto/index.ts";
import { HintCache } from "../../party-node/asking/hint-cache.ts";
import { SottoClient } from "../../party-node/asking/index.ts";
import { openNode } from "../../party-node/node-folder.ts";
import { limits } from "../../protocol/index.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import type { EndedQuestion, ParentRequest, QuerierArguments, QuerierEvent } from "./worker-messages.ts";

/** After an error, so that a coordinator that is down is not dialled without a pause. */
const ERROR_PAUSE_MS = 300;
/** What a querier keeps of replaced blocks is bounded by number; with fewer it is full soon, and shows as flat. */
const PAST_BLOCKS = 2;

const { folders, hintFolder, dim, k, deadlineMs, pauseMsMax, seed, firstQuestion } = JSON.parse(
  process.argv[2]!,
) as QuerierArguments;
Object.assign(limits, { pastBlocksMax: PAST_BLOCKS });

const random = seededRandom(seed);
const hintCache = new HintCache(hintFolder);
const stop = new AbortController();
let next = firstQuestion;

const tell = (event: QuerierEvent): void => void process.send?.(event);

/** Settled while questions may be asked. */
let gate = Promise.withResolvers<void>();
gate.resolve();

process.on("message", ({ request }: ParentRequest) => {
  if (request === "stop") stop.abort();
  if (request === "pause") gate = Promise.withResolvers();
  if (request === "resume" || request === "stop") gate.resolve();
});
process.once("disconnect", () => process.exit());
// Ctrl-C reaches the whole group of processes; the parent puts things in order.
process.on("SIGINT", () => undefined);

const clients = await Promise.all(folders.map(connected));
tell({ event: "connected" });
await Promise.all(clients.map(askOnAndOn));
for (const client of clients) client.close();
process.disconnect();

async function connected(folder: string): Promise<SottoClient> {
  const { identity, federation, coordinatorUrls } = openNode(folder);
  for (;;) {
    try {
      return await SottoClient.connect({
        ...{ identity, federation, coordinatorUrls, hintCache },
        encoder: precomputedEncoder(dim),
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      await sleep(ERROR_PAUSE_MS);
    }
  }
}

async function askOnAndOn(client: SottoClient): Promise<void> {
  for (;;) {
    await gate.promise;
    if (stop.signal.aborted) return;
    const ended = await ask(client, next++);
    tell({ event: "ended", ...ended });
    await sleep(pauseMsMax * random() + (ended.error ? ERROR_PAUSE_MS : 0));
  }
}

async function ask(client: SottoClient, question: number): Promise<EndedQuestion> {
  const began = performance.now();
  tell({ event: "asked", question });
  try {
    // Texts of this corpus are near-duplicates of one another.
    const asking = client.query(String(question), { k, deadlineMs, keepDuplicates: true });
    const { passages, parties } = await asking.result;
    return {
      question,
      ms: performance.now() - began,
      parties: parties.map(({ party, status, fault }) => ({ party, status, code: fault?.code ?? null })),
      passages: passages.map(({ party, documentId, text, score }) => ({ party, documentId, text, score })),
      error: null,
    };
  } catch (error) {
    const isFault = error instanceof Fault;
    if (!isFault) process.stderr.write(`${String(error)}\n${(error as Error).stack ?? ""}\n`);
    const code = isFault ? error.code : "UNEXPECTED";
    return { question, ms: performance.now() - began, parties: [], passages: [], error: { code, isFault } };
  }
}
