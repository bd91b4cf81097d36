import { liftedNorm } from "../crypto/index.ts";
import { CollectionSecrets } from "../party-node/outsourced/collection-secrets.ts";
import { RowSealer } from "../party-node/outsourced/row-sealer.ts";
import { type SealedStore, openSqliteSealedStore } from "../party-node/sealed-store/index.ts";
import { K } from "./asking.ts";
import { type Row, measure, median, noted, versus } from "./measure.ts";
import { say } from "./report.ts";
import type { ClusteredRows } from "./sealed-data.ts";
import type { SealedFederation } from "./sealed-federation.ts";

/** Questions in one round: a single search is over too soon. */
const QUESTIONS = 16;
const QUESTION_FIRST = 500_000;
const ROUNDS = 21;
/** Rows that are opened in one round. */
const OPENED = 200;

interface Sides {
  readonly sealed: (candidates: number) => Promise<void>;
  readonly plain: (candidates: number) => Promise<void>;
}

/**
 * Searches in the host's store, in this process, once the host has ended; and opening what they return.
 *
 * @param folder - Of the store.
 * @param candidates - k' beside K.
 */
export async function storeRows(
  folder: string,
  { filled, data, candidates }: { filled: SealedFederation; data: ClusteredRows; candidates: number },
): Promise<Row[]> {
  say("searching the store of the host");
  const { entry, ids } = filled;
  using secrets = new CollectionSecrets(entry.current);
  using caprise = secrets.capriseKey(entry);
  const store = openSqliteSealedStore({ folder });
  try {
    // A change waits for the index to have caught up.
    for (const id of [ids.sealed, ids.plain]) await store.put(id, []);
    const questions = Array.from({ length: QUESTIONS }, (_, i) => data.question(QUESTION_FIRST + i));
    const norm = liftedNorm(entry.encoder.normMax);
    const encrypted = questions.map((question) => caprise.encryptQuery(question.map((entry) => norm * entry)));
    const sides: Sides = {
      sealed: (count) => searchAll(store, ids.sealed, encrypted, count),
      plain: (count) => searchAll(store, ids.plain, questions, count),
    };
    const sealer = new RowSealer(secrets, caprise, entry.encoder.dim);
    const rows = await store.search(ids.sealed, { vector: encrypted[0]!, candidates: Math.min(OPENED, data.count) });
    const opening = await measure({
      open: () => {
        for (const row of rows) sealer.open(row);
      },
    });
    return [
      await searchRow(sides, K),
      ...(candidates === K ? [] : [await searchRow(sides, candidates)]),
      noted("opening a candidate", (1000 * median(opening.open)) / rows.length, "us a row", opening.open),
    ];
  } finally {
    await store.close();
  }
}

async function searchRow(sides: Sides, candidates: number): Promise<Row> {
  const times = await measure(
    { sealed: () => sides.sealed(candidates), plain: () => sides.plain(candidates) },
    { rounds: ROUNDS },
  );
  const each = (of: readonly number[]): number[] => of.map((ms) => ms / QUESTIONS);
  return versus(
    `host search, k' ${candidates}`,
    each(times.sealed),
    { name: "plaintext vectors in the same store", times: each(times.plain) },
    "<= 1.1",
  );
}

async function searchAll(
  store: SealedStore,
  id: string,
  vectors: readonly Float32Array[],
  candidates: number,
): Promise<void> {
  for (const vector of vectors) await store.search(id, { vector, candidates });
}
