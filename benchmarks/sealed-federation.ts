import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { defaultChunk } from "../cli/default-chunk.ts";
import { LocalFederation } from "../cli/local-federation.ts";
import { openNodeStore } from "../cli/node-store.ts";
import { measureRankProfile, sodium } from "../crypto/index.ts";
import type { SottoClient } from "../party-node/asking/index.ts";
import { Keyring, type KeyringEntry, newCollectionKey } from "../party-node/keyring/index.ts";
import { type OpenedNode, openNode } from "../party-node/node-folder.ts";
import { CollectionOwner, HostConnection } from "../party-node/outsourced/index.ts";
import { hostedScoringOf } from "../party-node/outsourced/double-layout.ts";
import { RemoteCollection } from "../party-node/outsourced/remote-collection.ts";
import { type PassageStore, openSqliteStore } from "../party-node/store/index.ts";
import { type PackedRow, encodeValue, limits, packedRowBytes, toBase64 } from "../protocol/index.ts";
import { say } from "./report.ts";
import type { ClusteredRows } from "./sealed-data.ts";

const OWNER = "owner";
const NAME = "bench";
/** Rows in one transaction. */
const BATCH_ROWS = 5000;
const LEDGER_ROWS_PER_BLOCK = 256;
const SCORE_BITS = 14;
/** For the rank profile; others than those that are measured. */
const PROFILE_QUESTIONS = 48;
const PROFILE_FIRST = 1_000_000;

export interface SealedOptions {
  readonly data: ClusteredRows;
  /** As a share of the encoder's largest norm, which is 1. */
  readonly beta: number;
  readonly search: HostedSearch;
  readonly signal: AbortSignal;
}

/** How the host searches both collections. */
export type HostedSearch = "approximate" | "exact";

/** Bytes of the owner's messages to and from the coordinator. */
export interface Traffic {
  up: number;
  down: number;
}

/** A host with the same rows twice, sealed and in clear; beside it a party that serves them in clear mode. */
export interface SealedFederation {
  readonly federation: LocalFederation;
  /** The owner's. */
  readonly node: OpenedNode;
  /** Of the sealed collection, which can be asked in both modes. */
  readonly entry: KeyringEntry;
  readonly connection: HostConnection;
  readonly traffic: Traffic;
  /** The rows as they are: vectors without noise, passages that are not sealed. */
  readonly plain: RemoteCollection;
  /** What the host's store calls the two collections. */
  readonly ids: { readonly sealed: string; readonly plain: string };
  /** A querier in the federation in clear mode. */
  readonly clear: SottoClient;
  /** Of sealing, sending, storing and indexing all rows, and of the same without sealing. */
  readonly filledMs: { readonly sealed: number; readonly plain: number };
}

/** @param stack - Disposes of all of it. */
export async function fillSealedFederation(
  { data, beta, search, signal }: SealedOptions,
  stack: AsyncDisposableStack,
): Promise<SealedFederation> {
  const parties = [{ name: OWNER, paths: [] }];
  const federation = stack.use(new LocalFederation({ parties, encoder: data.encoder() }));
  say(`filling the stores of the owner: ${data.count} rows of ${data.dim}`);
  const store = openNodeStore(openNode(federation.folderOf(OWNER)));
  await fillStore(store, data, signal).finally(() => {
    store.close();
  });
  await federation.start("clear");
  const clear = stack.use(await federation.connect());
  await federation.start("hosted");

  const node = openNode(federation.folderOf(OWNER));
  const traffic = { up: 0, down: 0 };
  const { identity, coordinatorUrls } = node;
  const entry = entryOf(node, beta);
  const connection = stack.use(
    new HostConnection({
      identity,
      federation: node.federation,
      coordinatorUrls,
      host: entry.host,
      observer: ({ direction, bytes }) => {
        traffic[direction === "out" ? "up" : "down"] += bytes;
      },
    }),
  );
  // Wiping the keyring would wipe the entry's key.
  const keyring = stack.use(await Keyring.open(node.folder.keyringPath));
  keyring.add(entry);
  const sealedMs = await publishSealed({ node, keyring, connection, data, search, signal });
  const keyId = sodium.randombytes_buf(16);
  const plain = new RemoteCollection({ session: connection.session, keyId, dim: data.dim });
  const plainMs = await putPlain(plain, { data, search, signal });
  return {
    federation,
    node,
    entry,
    connection,
    traffic,
    plain,
    ids: { sealed: entry.current.id, plain: sodium.to_hex(keyId) },
    clear,
    filledMs: { sealed: sealedMs, plain: plainMs },
  };
}

function entryOf({ identity, federation }: OpenedNode, beta: number): KeyringEntry {
  const { encoder, scoring, members } = federation.terms;
  const { dim, normMax } = scoring;
  return {
    name: NAME,
    owner: identity.name,
    host: members.find(({ roles }) => roles.includes("party"))!.name,
    mode: "double",
    encoder: { fingerprint: encoder.fingerprint, dim, normMax },
    sealing: { scale: 1, beta: beta * normMax, rotation: true, epsilon: null },
    scoring: { chunk: defaultChunk(dim + 1), scoreBits: SCORE_BITS, seed: toBase64(sodium.randombytes_buf(32)) },
    current: newCollectionKey(),
    next: null,
    retired: [],
  };
}

/** By the owner's ordinary means, from its ledger. @returns Milliseconds of publishing. */
async function publishSealed({
  node,
  keyring,
  connection: { session },
  data,
  search,
  signal,
}: Pick<SealedFederation, "node" | "connection"> &
  Omit<SealedOptions, "beta"> & { readonly keyring: Keyring }): Promise<number> {
  const { identity, federation, folder, keys } = node;
  const path = `${folder.collectionsPath}/${NAME}.db`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const ledger = openSqliteStore({ path, storeKey: keys.storeKey, rowsPerBlock: LEDGER_ROWS_PER_BLOCK });
  try {
    await fillStore(ledger, data, signal);
    const owner = new CollectionOwner({ keyring, name: NAME, ledger, identity, federation, session });
    // As the owner does, but for the search, which would follow from mode and encoder.
    const sealed = new RemoteCollection({ session, keyId: sodium.from_hex(owner.entry.current.id), dim: data.dim + 1 });
    await sealed.create({ search, scoring: hostedScoringOf(owner.entry) });
    const numbers = Array.from({ length: PROFILE_QUESTIONS }, (_, i) => PROFILE_FIRST + i);
    owner.keepProfile(measureRankProfile(numbers.map((number) => data.scores(data.question(number)))));
    say("sealing and publishing them");
    const began = performance.now();
    await owner.publish({ signal, onProgress: countedOut("published", data.count) });
    return performance.now() - began;
  } finally {
    ledger.close();
  }
}

/** The same rows in batches of the same size. @returns Milliseconds. */
async function putPlain(
  plain: RemoteCollection,
  { data, search, signal }: Omit<SealedOptions, "beta">,
): Promise<number> {
  say("sending them in clear");
  const tell = countedOut("sent", data.count);
  const began = performance.now();
  await plain.create({ search, scoring: null });
  let batch: PackedRow[] = [];
  let bytes = 0;
  for (let row = 0; row < data.count; row++) {
    const passage = encodeValue(data.passage(row));
    const rowId = new Uint8Array(16);
    new DataView(rowId.buffer).setUint32(0, row);
    batch.push({ rowId, version: 1, vector: data.vector(row), passage });
    bytes += packedRowBytes(data.dim, passage.length);
    if (bytes < limits.hostedBatchBytesComfortable && row < data.count - 1) continue;
    await plain.put(batch);
    signal.throwIfAborted();
    tell({ done: row + 1 });
    [batch, bytes] = [[], 0];
  }
  return performance.now() - began;
}

async function fillStore(store: PassageStore, data: ClusteredRows, signal: AbortSignal): Promise<void> {
  for (let first = 0; first < data.count; first += BATCH_ROWS) {
    store.apply({ put: data.documents(first, Math.min(first + BATCH_ROWS, data.count)), remove: [] });
    await nextTurn();
    signal.throwIfAborted();
  }
}

/** Says every tenth of the way. */
function countedOut(what: string, total: number): (progress: { readonly done: number }) => void {
  let said = 0;
  return ({ done }) => {
    const tenth = Math.floor((10 * done) / total);
    if (tenth > said) say(`  ${what} ${done} of ${total}`);
    said = tenth;
  };
}
