/**
 * Encrypted scoring against a plaintext scan: one thread, no network, everything in one run.
 *
 *   node benchmarks/scoring.ts [--rows 100000] [--dim 384] [--chunk 16] [--json]
 *
 * The server side of a query is RlweIndex.answer: unpacking, checking and preparing the query, scoring every block, packing the scores. The
 * opponents are npm's usearch (exactSearch on float32, one thread), left out with a note where it is not installed, and node-seal.
 */
import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { setFlagsFromString } from "node:v8";
import { parseArgs } from "node:util";
import { runInNewContext } from "node:vm";
import { type BlockDescription, type BlockRow, LocalShard, RlweIndex, ringLayout } from "../crypto/index.ts";
import { RlweAsker } from "../crypto/secret/index.ts";
import { type Row, against, machine, measure, median, printRows, versus } from "./measure.ts";
import { openDiagonalMethod } from "./seal-diagonal.ts";

const QUERIES_TOGETHER = 8;
const SMALL = { rows: 4096, dim: 128 };
const PARTY = "bench";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "100000" },
    dim: { type: "string", default: "384" },
    chunk: { type: "string", default: "16" },
    json: { type: "boolean", default: false },
  },
});
const [rowCount, dim, chunk] = [values.rows, values.dim, values.chunk].map(Number) as [number, number, number];

const rows: Row[] = [];
const collection = makeCollection(rowCount, dim);
const { index, layout, indexing } = await indexCollection(collection, { dim, chunk });
rows.push(...(await scoringRows()), ...countRows(), await smallRow());
printRows(rows);
if (values.json)
  console.log(
    JSON.stringify({
      benchmark: "scoring",
      parameters: { rows: rowCount, dim, chunk, scoreBits: layout.scoreBits },
      machine: machine(),
      versions: versions(),
      rows,
    }),
  );

/** Repeatable vectors of unit norm: shape [count][width]. */
function makeCollection(count: number, width: number): Float32Array {
  const all = new Float32Array(count * width);
  let state = 1;
  for (let row = 0; row < count; row++) {
    const vector = all.subarray(row * width, (row + 1) * width);
    let squares = 0;
    for (let i = 0; i < width; i++) {
      // xorshift32; the sum of two is a triangle, near enough to an embedding's bell.
      let sum = 0;
      for (let k = 0; k < 2; k++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        sum += state;
      }
      vector[i] = sum;
      squares += sum * sum;
    }
    const scale = 1 / Math.sqrt(squares);
    for (let i = 0; i < width; i++) vector[i]! *= scale;
  }
  return all;
}

interface Indexed {
  readonly index: RlweIndex;
  readonly layout: ReturnType<typeof ringLayout>;
  readonly indexing: {
    /** Milliseconds of each block after the first fifty. */
    readonly times: readonly number[];
    /** Growth of the process a row. */
    readonly bytesPerRow: number;
  };
}

async function indexCollection(
  all: Float32Array,
  { dim: width, chunk: c }: { dim: number; chunk: number },
): Promise<Indexed> {
  const ring = ringLayout({ dim: width, chunk: c, normMax: 1, scoreBits: 14, seed: new Uint8Array(32).fill(1) });
  const made = new RlweIndex(ring, { openShard: () => new LocalShard(ring, new Uint8Array(32).fill(2)) });
  const count = all.length / width;
  const times: number[] = [];
  const before = residentBytes();
  for (let first = 0; first < count; first += ring.rowsPerBlock) {
    const block: BlockRow[] = Array.from({ length: Math.min(ring.rowsPerBlock, count - first) }, (_, slot) => ({
      slot,
      vector: all.subarray((first + slot) * width, (first + slot + 1) * width),
    }));
    const started = performance.now();
    await made.stage(first / ring.rowsPerBlock, block);
    times.push(performance.now() - started);
  }
  made.commit();
  const bytesPerRow = (residentBytes() - before) / count;
  return { index: made, layout: ring, indexing: { times: times.slice(times.length > 100 ? 50 : 0), bytesPerRow } };
}

/** Resident memory after a full collection. */
function residentBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage.rss();
}

function descriptions(of: RlweIndex, count: number): BlockDescription[] {
  return Array.from({ length: Math.ceil(count / of.rowsPerBlock) }, (_, block) => of.describe(block)!);
}

async function scoringRows(): Promise<Row[]> {
  const blocks = descriptions(index, rowCount);
  const asker = new RlweAsker(layout, { poolSize: 1 });
  asker.blocksChanged(new Map([[PARTY, blocks]]));
  const questions = makeCollection(QUERIES_TOGETHER, dim);
  const queries: Uint8Array[] = [];
  for (let i = 0; i < QUERIES_TOGETHER; i++) {
    const { query, secrets } = await asker.ask(questions.slice(i * dim, (i + 1) * dim));
    queries.push(query);
    secrets[Symbol.dispose]();
  }
  const search = await findUsearch();
  const scans = search && {
    one: () => search(collection, questions.slice(0, dim), dim),
    eight: () => search(collection, questions, dim),
  };
  const times = await measure({
    one: () => index.answer(queries[0]!),
    oneScan: () => scans?.one(),
    eight: () => Promise.all(queries.map((query) => index.answer(query))),
    eightScan: () => scans?.eight(),
  });
  const online = await measureQuerier(asker, blocks, questions.slice(0, dim));
  asker.close();
  const server = { name: "server side of the same query", times: online.server };
  return [
    versus(`one query, ${rowCount} x ${dim}`, times.one, { name: "usearch", times: scans && times.oneScan }, "<= 2"),
    versus("eight queries together", times.eight, { name: "usearch", times: scans && times.eightScan }, "<= 1.3"),
    versus("querier, encrypt and decrypt, pool filled", online.querier, server, "<= 0.5"),
  ];
}

/** Times of a question's two ends, each with a key made in between and not counted. */
async function measureQuerier(
  asker: RlweAsker,
  blocks: readonly BlockDescription[],
  question: Float32Array,
): Promise<{ readonly querier: readonly number[]; readonly server: readonly number[] }> {
  const [querier, server]: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round++) {
    asker.refill();
    await asker.ready();
    const started = performance.now();
    const { query, secrets } = await asker.ask(question);
    const asked = performance.now();
    const { scores } = await index.answer(query);
    const answered = performance.now();
    const bytes = layout.scoreBytesPerBlock;
    for (const [i, block] of blocks.entries()) secrets.read(PARTY, block, scores.subarray(i * bytes, (i + 1) * bytes));
    const finished = performance.now();
    secrets[Symbol.dispose]();
    if (round < 3) continue;
    querier.push(asked - started + finished - answered);
    server.push(answered - asked);
  }
  return { querier, server };
}

function countRows(): Row[] {
  const perRow = indexing.times.map((ms) => (1000 * ms) / layout.rowsPerBlock);
  const float32Bytes = dim * 4;
  return [
    against("indexing, one thread", median(perRow), "us a row", "<= 15", perRow),
    {
      ...against("memory at rest", indexing.bytesPerRow, "bytes a row", `<= ${(1.1 * float32Bytes).toFixed(0)}`),
      opponent: `float32: ${float32Bytes} bytes`,
      ratio: indexing.bytesPerRow / float32Bytes,
    },
    against("query, up", layout.queryBytes / 1000, "KB", "<= 200"),
    against("scores, down", layout.scoreBytesPerBlock / layout.rowsPerBlock, "bytes a row", "<= 2"),
    against("hints, down once", layout.hintBytes / layout.rowsPerBlock, "bytes a row", "<= 64"),
  ];
}

/** 4,096 rows of 128 against SEAL's ciphertexts and the diagonal method, the size that published systems report. */
async function smallRow(): Promise<Row> {
  const small = makeCollection(SMALL.rows, SMALL.dim);
  const { index: smallIndex, layout: ring } = await indexCollection(small, { dim: SMALL.dim, chunk });
  const asker = new RlweAsker(ring, { poolSize: 1 });
  const question = small.slice(0, SMALL.dim);
  const { query, secrets } = await asker.ask(question);
  secrets[Symbol.dispose]();
  asker.close();
  using diagonal = openDiagonalMethod(small, SMALL);
  diagonal.ask(question);
  diagonal.check(small, question);
  const times = await measure({ ours: () => smallIndex.answer(query), theirs: () => diagonal.answer() });
  const opponent = { name: "node-seal, diagonal method", times: times.theirs };
  return versus(
    `one query, ${SMALL.rows} x ${SMALL.dim} (Apple PNNS publishes 10.4 ms)`,
    times.ours,
    opponent,
    ">= 40",
  );
}

/** usearch's exact search for the ten nearest by inner product on one thread; null where it is not installed. */
async function findUsearch(): Promise<((all: Float32Array, queries: Float32Array, width: number) => unknown) | null> {
  // Not a literal, so that types are not looked for: this package is optional.
  const name: string = "usearch";
  const found = (await import(name).catch(() => null)) as {
    exactSearch(
      all: Float32Array,
      queries: Float32Array,
      width: number,
      k: number,
      metric: string,
      threads: number,
    ): unknown;
    MetricKind: { readonly IP: string };
  } | null;
  if (!found) {
    console.error("usearch is not installed (npm install --no-save usearch): rows against it have no ratio.");
    return null;
  }
  return (all, queries, width) => found.exactSearch(all, queries, width, 10, found.MetricKind.IP, 1);
}

function versions(): Record<string, string> {
  const installed = (name: string): string => {
    try {
      const path = findPackageJSON(name, import.meta.url);
      return path === undefined ? "not found" : (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
    } catch {
      return "not found";
    }
  };
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    usearch: installed("usearch"),
    seal: installed("node-seal"),
  };
}
