import { statSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LocalFederation } from "../cli/local-federation.ts";
import { openNodeStore } from "../cli/node-store.ts";
import { openNode } from "../party-node/node-folder.ts";
import type { DocumentRecord, PassageStore } from "../party-node/store/index.ts";
import { precomputedEncoder } from "./precomputed-encoder.ts";
import { say } from "./report.ts";
import { unitVectors } from "./vectors.ts";

/** Rows in one transaction. */
const BATCH_ROWS = 5000;
const PASSAGES_PER_DOCUMENT = 20;

export interface FilledOptions {
  readonly parties: readonly string[];
  /** In each party's store. */
  readonly rows: number;
  readonly dim: number;
  readonly queriers?: readonly string[];
  readonly signal: AbortSignal;
}

/** A local federation and what filling its stores took. */
export interface FilledFederation {
  readonly federation: LocalFederation;
  readonly storeBytesPerRow: number;
  readonly rowsPerSecond: number;
}

/** A federation, not yet started, whose stores hold repeatable random unit vectors with short passages. The caller disposes of it. */
export async function fillFederation({
  parties,
  rows,
  dim,
  queriers,
  signal,
}: FilledOptions): Promise<FilledFederation> {
  await using made = new AsyncDisposableStack();
  const federation = made.use(
    new LocalFederation({
      parties: parties.map((name) => ({ name, paths: [] })),
      encoder: precomputedEncoder(dim),
      ...(queriers && { queriers }),
    }),
  );
  const began = performance.now();
  let bytes = 0;
  for (const [i, name] of parties.entries()) {
    say(`filling the store of ${name}: ${rows} rows of ${dim}`);
    const node = openNode(federation.folderOf(name));
    const store = openNodeStore(node);
    try {
      await fillStore(store, { party: i, rows, dim, signal });
    } finally {
      store.close();
    }
    bytes += statSync(node.folder.storePath).size;
  }
  made.move();
  return {
    federation,
    storeBytesPerRow: bytes / (parties.length * rows),
    rowsPerSecond: (parties.length * rows) / ((performance.now() - began) / 1000),
  };
}

async function fillStore(
  store: PassageStore,
  {
    party,
    rows,
    dim,
    signal,
  }: { readonly party: number; readonly rows: number; readonly dim: number; readonly signal: AbortSignal },
): Promise<void> {
  for (let first = 0; first < rows; first += BATCH_ROWS) {
    const count = Math.min(BATCH_ROWS, rows - first);
    store.apply({
      put: documents(`p${party}`, first, unitVectors(count, dim, batchSeed(party, first)), dim),
      remove: [],
    });
    await nextTurn();
    signal.throwIfAborted();
  }
}

/** Documents of a few short passages each; `vectors` of shape [count][dim], the first of them row `first`. */
export function documents(prefix: string, first: number, vectors: Float32Array, dim: number): DocumentRecord[] {
  const count = vectors.length / dim;
  return Array.from({ length: Math.ceil(count / PASSAGES_PER_DOCUMENT) }, (_, i) => {
    const start = i * PASSAGES_PER_DOCUMENT;
    const rows = Array.from({ length: Math.min(PASSAGES_PER_DOCUMENT, count - start) }, (_, k) => start + k);
    const documentId = `${prefix}-${first + start}`;
    return {
      documentKey: documentId,
      contentHash: documentId,
      passages: rows.map((row, ordinal) => ({ documentId, title: "", text: `passage ${first + row}`, ordinal })),
      vectors: rows.map((row) => vectors.subarray(row * dim, (row + 1) * dim)),
    };
  });
}

function batchSeed(party: number, first: number): number {
  return party * 0x1000000 + first / BATCH_ROWS + 1;
}
