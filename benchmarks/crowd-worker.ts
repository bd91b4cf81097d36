/*
 * Some of the queriers that ask at once, in a process of their own so that they do not hold each other up: see query-crowd.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HintCache } from "../party-node/asking/hint-cache.ts";
import { SottoClient } from "../party-node/asking/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { K } from "./asking.ts";
import { precomputedEncoder } from "./precomputed-encoder.ts";
import { serve } from "./worker.ts";

/** A querier that is told so often that a party is busy gives up. */
const TRIES_MAX = 50;
/** Where a refusal does not say how long to wait. */
const RETRY_MS = 200;

export interface CrowdArguments {
  /** A node folder for each connection; the same one may be there several times. */
  readonly folders: readonly string[];
  readonly hintFolder: string;
  readonly dim: number;
}

/** `warm`: connect if need be, and make keys. Otherwise every connection asks one question, all at once or one after the other. */
export type CrowdRequest = { readonly warm: true } | { readonly together: boolean; readonly firstQuestion: number };

export interface CrowdReply {
  /** Sum of the questions' times when they were asked one after the other, from first to last otherwise. */
  readonly elapsedMs: number;
  /** How often a party had to be asked again because it was busy, and answers that it still was. */
  readonly busy: number;
  /** Questions that were not answered in full. */
  readonly lost: number;
}

type Outcome = Pick<CrowdReply, "busy" | "lost">;

const { folders, hintFolder, dim } = JSON.parse(process.argv[2]!) as CrowdArguments;
const hintCache = new HintCache(hintFolder);
const clients: SottoClient[] = [];

serve<CrowdRequest, CrowdReply>(async (request) => {
  if ("warm" in request) {
    await connectAll();
    await Promise.all(clients.map((client) => client.warm()));
    return { elapsedMs: 0, busy: 0, lost: 0 };
  }
  const { together, firstQuestion } = request;
  return together ? askTogether(firstQuestion) : askInTurn(firstQuestion);
});

async function connectAll(): Promise<void> {
  for (const folder of folders.slice(clients.length)) {
    const { identity, federation, coordinatorUrls } = openNode(folder);
    const encoder = precomputedEncoder(dim);
    const client = await SottoClient.connect({ identity, federation, encoder, coordinatorUrls, hintCache });
    clients.push(client);
    // The hints of every party are in, and in the cache, once a question is answered.
    await askUntilAnswered(client, 0);
  }
}

async function askTogether(firstQuestion: number): Promise<CrowdReply> {
  const began = performance.now();
  const outcomes = await Promise.all(clients.map((client, i) => askUntilAnswered(client, firstQuestion + i)));
  return { elapsedMs: performance.now() - began, ...total(outcomes) };
}

async function askInTurn(firstQuestion: number): Promise<CrowdReply> {
  const outcomes: Outcome[] = [];
  let elapsedMs = 0;
  for (const [i, client] of clients.entries()) {
    const began = performance.now();
    outcomes.push(await askUntilAnswered(client, firstQuestion + i));
    elapsedMs += performance.now() - began;
    await client.warm();
  }
  return { elapsedMs, ...total(outcomes) };
}

async function askUntilAnswered(client: SottoClient, question: number): Promise<Outcome> {
  for (let busy = 0; busy < TRIES_MAX;) {
    const { parties, passages } = await client.query(String(question), { k: K }).result;
    const faults = parties.flatMap(({ fault }): { code: string; retryAfterMs?: number }[] => (fault ? [fault] : []));
    const refusals = faults.filter(({ code }) => code === "BUSY");
    for (const { attempts = 1 } of parties) busy += attempts - 1;
    if (refusals.length === 0) return { busy, lost: faults.length > 0 || passages.length < K ? 1 : 0 };
    busy += refusals.length;
    await sleep(Math.max(...refusals.map(({ retryAfterMs }) => retryAfterMs ?? RETRY_MS)));
  }
  return { busy: TRIES_MAX, lost: 1 };
}

function total(outcomes: readonly Outcome[]): Outcome {
  const sum = (key: keyof Outcome): number => outcomes.reduce((all, outcome) => all + outcome[key], 0);
  return { busy: sum("busy"), lost: sum("lost") };
}
