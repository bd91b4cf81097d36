import type { Command } from "commander";
import { wholeNumber } from "../cli/options.ts";
import type { RingLayout } from "../crypto/index.ts";
import { RlweAsker } from "../crypto/secret/index.ts";
import {
  HINT_KEY,
  type IndexedCollection,
  blockDescriptions,
  fillIndex,
  indexCollection,
  indexingRow,
} from "./indexed-collection.ts";
import { openScoringIndex } from "../party-node/scoring/index.ts";
import { type Row, against, measure, versus } from "./measure.ts";
import { PARTY, measureQuerier } from "./querier.ts";
import { type Findings, benchmarkCommand, say } from "./report.ts";
import { openDiagonalMethod } from "./seal-diagonal.ts";
import { findUsearch } from "./usearch.ts";
import { unitVectors } from "./vectors.ts";

const QUERIES_TOGETHER = 8;
const QUESTION_SEED = 2;
const SMALL = { rows: 4096, dim: 128 };

interface Options {
  readonly rows: number;
  readonly dim: number;
  readonly chunk: number;
}

/**
 * Encrypted scoring against a plaintext scan: one thread, no network, everything in one run.
 *
 * The server side of a query is RlweIndex.answer: unpacking, checking and preparing the query, scoring every block, packing the scores.
 */
export function scoringCommand(): Command {
  return benchmarkCommand("scoring", "encrypted scoring on one thread against usearch and SEAL", runScoring)
    .option("--rows <count>", "vectors in the collection", wholeNumber(1, 2_000_000), 100_000)
    .option("--dim <count>", "entries of a vector", wholeNumber(1, 8192), 384)
    .option("--chunk <c>", "entries of a vector in one polynomial: 8, 16, 32 or 64", wholeNumber(8, 64), 16);
}

async function runScoring({ rows: rowCount, dim, chunk }: Options, signal: AbortSignal): Promise<Findings> {
  say(`indexing ${rowCount} vectors`);
  const vectors = unitVectors(rowCount, dim);
  const collection = await indexCollection(vectors, { dim, chunk });
  signal.throwIfAborted();
  say("scoring");
  const rows = [
    ...(await scanRows(vectors, collection)),
    await threadsRow(vectors, collection.layout),
    indexingRow(collection),
    ...countRows(collection),
    await smallRow(chunk),
  ];
  return { parameters: { rows: rowCount, dim, chunk, scoreBits: collection.layout.scoreBits }, rows };
}

/** Queries against the same collection in clear. */
async function scanRows(vectors: Float32Array, collection: IndexedCollection): Promise<Row[]> {
  const { index, layout } = collection;
  const { dim } = layout;
  const rowCount = vectors.length / dim;
  const blocks = blockDescriptions(collection, rowCount);
  const asker = new RlweAsker(layout, { poolSize: 1 });
  asker.blocksChanged(new Map([[PARTY, blocks]]));
  const questions = unitVectors(QUERIES_TOGETHER, dim, QUESTION_SEED);
  const queries = await encryptAll(asker, questions, dim);
  const search = await findUsearch();
  const scans = search && {
    one: () => search(vectors, questions.slice(0, dim), dim),
    eight: () => search(vectors, questions, dim),
  };
  const times = await measure({
    one: () => index.answer(queries[0]!),
    oneScan: () => scans?.one(),
    eight: () => Promise.all(queries.map((query) => index.answer(query))),
    eightScan: () => scans?.eight(),
  });
  const online = await measureQuerier(collection, asker, blocks, questions.slice(0, dim));
  asker.close();
  const server = { name: "server side of the same query", times: online.server };
  return [
    versus(`one query, ${rowCount} x ${dim}`, times.one, { name: "usearch", times: scans && times.oneScan }, "<= 2"),
    versus("eight queries together", times.eight, { name: "usearch", times: scans && times.eightScan }, "<= 1.3"),
    versus("querier, encrypt and decrypt, pool filled", online.querier, server, "<= 0.5"),
  ];
}

/** The same query and rows in worker threads, two against one. */
async function threadsRow(vectors: Float32Array, layout: RingLayout): Promise<Row> {
  const { dim } = layout;
  const [one, two] = [1, 2].map((threads) => openScoringIndex({ layout, hintKey: HINT_KEY, threads, cachePath: null }));
  try {
    for (const index of [one!, two!]) await fillIndex(index, vectors, dim);
    const asker = new RlweAsker(layout, { poolSize: 1 });
    const [query] = await encryptAll(asker, unitVectors(1, dim, QUESTION_SEED), dim);
    asker.close();
    const times = await measure({ one: () => one!.answer(query!), two: () => two!.answer(query!) }, { rounds: 21 });
    return versus(
      "one query, two worker threads",
      times.two,
      { name: "one worker thread", times: times.one },
      ">= 1.6",
    );
  } finally {
    await Promise.all([one?.close(), two?.close()]);
  }
}

async function encryptAll(asker: RlweAsker, questions: Float32Array, dim: number): Promise<Uint8Array[]> {
  const queries: Uint8Array[] = [];
  for (let at = 0; at < questions.length; at += dim) {
    const { query, secrets } = await asker.ask(questions.slice(at, at + dim));
    queries.push(query);
    secrets[Symbol.dispose]();
  }
  return queries;
}

function countRows({ layout, bytesPerRow }: IndexedCollection): Row[] {
  const float32Bytes = layout.dim * 4;
  return [
    {
      ...against("memory at rest", bytesPerRow, "bytes a row", `<= ${(1.1 * float32Bytes).toFixed(0)}`),
      opponent: `float32: ${float32Bytes} bytes`,
      ratio: bytesPerRow / float32Bytes,
    },
    against("query, up", layout.queryBytes / 1000, "KB", "<= 200"),
    against("scores, down", layout.scoreBytesPerBlock / layout.rowsPerBlock, "bytes a row", "<= 2"),
    against("hints, down once", layout.hintBytes / layout.rowsPerBlock, "bytes a row", "<= 64"),
  ];
}

/** 4,096 rows of 128 against SEAL's ciphertexts and the diagonal method, the size that published systems report. */
async function smallRow(chunk: number): Promise<Row> {
  const small = unitVectors(SMALL.rows, SMALL.dim);
  const { index, layout } = await indexCollection(small, { dim: SMALL.dim, chunk });
  const asker = new RlweAsker(layout, { poolSize: 1 });
  const question = small.slice(0, SMALL.dim);
  const query = (await encryptAll(asker, question, SMALL.dim))[0]!;
  asker.close();
  using diagonal = openDiagonalMethod(small, SMALL);
  diagonal.ask(question);
  diagonal.check(small, question);
  const times = await measure({ ours: () => index.answer(query), theirs: () => diagonal.answer() });
  const opponent = { name: "node-seal, diagonal method", times: times.theirs };
  return versus(
    `one query, ${SMALL.rows} x ${SMALL.dim} (Apple PNNS publishes 10.4 ms)`,
    times.ours,
    opponent,
    ">= 40",
  );
}
