/*
 * Adds rows to a party's store at a steady rate, in a process of its own as `sotto ingest` would be: see query-updates.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openNodeStore } from "../cli/node-store.ts";
import { openNode } from "../party-node/node-folder.ts";
import type { PassageStore } from "../party-node/store/index.ts";
import { documents } from "./filled-federation.ts";
import { MARKED, markedDocuments } from "./marked-passages.ts";
import { serve } from "./worker.ts";
import { unitVectors } from "./vectors.ts";

const BATCHES_PER_SECOND = 4;
/** Batches from one replacement of the marked passages to the next. */
const BATCHES_PER_VERSION = 8;
const SEED = 0x20000000;

export interface WriterArguments {
  /** The party's node folder. */
  readonly folder: string;
  readonly dim: number;
  /** Rows a second. */
  readonly rate: number;
}

/** `mark`: put the first version of the marked passages in. */
export type WriterRequest = { readonly mark: true } | { readonly seconds: number };

export interface WriterReply {
  readonly rows: number;
  readonly seconds: number;
  /** The fewest blocks over which the marked passages of one version were spread. */
  readonly markedBlocks: number;
}

const { folder, dim, rate } = JSON.parse(process.argv[2]!) as WriterArguments;
const store = openNodeStore(openNode(folder));
let version = 0;
let added = 0;

serve<WriterRequest, WriterReply>(async (request) => {
  const began = performance.now();
  if ("mark" in request) {
    store.apply({ put: markedDocuments(version, dim), remove: [] });
    return { rows: MARKED, seconds: 0, markedBlocks: blocksOfMarked(store) };
  }
  const rowsBefore = added;
  let markedBlocks = Infinity;
  for (let batch = 0; batch < request.seconds * BATCHES_PER_SECOND; batch++) {
    // A batch that took long is followed at once by the next.
    await sleepUntil(began + (1000 * batch) / BATCHES_PER_SECOND);
    const count = Math.round(((batch + 1) * rate) / BATCHES_PER_SECOND) - (added - rowsBefore);
    const put = documents("added", added, unitVectors(count, dim, SEED + added), dim);
    added += count;
    const marked = batch % BATCHES_PER_VERSION === 0 ? markedDocuments(++version, dim) : [];
    store.apply({ put: [...put, ...marked], remove: [] });
    if (marked.length > 0) markedBlocks = Math.min(markedBlocks, blocksOfMarked(store));
  }
  await sleepUntil(began + 1000 * request.seconds);
  return { rows: added - rowsBefore, seconds: (performance.now() - began) / 1000, markedBlocks };
});

async function sleepUntil(time: number): Promise<void> {
  await sleep(Math.max(0, time - performance.now()));
}

function blocksOfMarked(of: PassageStore): number {
  const rows = new Set(
    markedDocuments(version, dim).flatMap(({ documentKey }) =>
      of.passagesOfDocument(documentKey).map(({ rowId }) => rowId),
    ),
  );
  const blocks = [...of.blockRevisions().keys()];
  return blocks.filter((block) => of.rowIdsOfBlock(block).some(({ rowId }) => rows.has(rowId))).length;
}
