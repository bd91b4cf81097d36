import { isDeepStrictEqual } from "node:util";
import { type RankProfile, sodium } from "../../crypto/index.ts";
import { type PackedRow, limits, packedRowBytes } from "../../protocol/index.ts";
import type { KeyringEntry } from "../keyring/index.ts";
import { sealedStoreLimits } from "../sealed-store/index.ts";
import type { PassageStore } from "../store/index.ts";
import { CollectionSecrets } from "./collection-secrets.ts";
import { type CollectionHeader, type RemovedRows, openHeader, packRemoved, sealHeader } from "./header.ts";
import { ledgerBlocks } from "./ledger-rows.ts";
import type { Grants, RemoteCollection } from "./remote-collection.ts";
import { knownRemoved, rememberRemoved } from "./removed-rows.ts";
import { RowSealer } from "./row-sealer.ts";

export interface PublishProgress {
  /** Rows of the ledger looked at. */
  readonly done: number;
  readonly total: number;
  /** Rows sealed and sent. */
  readonly put: number;
}

export interface PublishOptions {
  /** With the key to publish under as `current`. */
  readonly entry: KeyringEntry;
  /** What the collection is to hold. */
  readonly ledger: PassageStore;
  readonly remote: RemoteCollection;
  readonly grants: Grants;
  readonly rankProfile: RankProfile | null;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PublishProgress) => void) | undefined;
}

export interface PublishReport {
  readonly put: number;
  readonly removed: number;
  /** Rows the collection has now. */
  readonly rows: number;
  /** Passages left out because they are larger than a host takes. */
  readonly tooLarge: number;
  /** Rows that were at the host after the last run and are no longer, although nobody removed them; they were put again. */
  readonly lost: number;
}

/**
 * Makes a collection at its host hold what the owner's ledger holds: seals and sends the rows that it lacks, removes those that the ledger lacks. Rows
 * that are there stay as they are, so that no second ciphertext of them is made.
 *
 * What is there is asked for each time, so a run that was ended anywhere is made up for by the next. Readers are told first what they
 * may see soon, and last what must be there.
 *
 * @throws Fault of {@link RemoteCollection}; HEADER_TAMPERED; ROW_INVALID. The signal's reason.
 */
export async function publish(options: PublishOptions): Promise<PublishReport> {
  const { entry, remote, ledger, signal, onProgress } = options;
  using secrets = new CollectionSecrets(entry.current);
  using caprise = secrets.capriseKey(entry);
  const sealer = new RowSealer(secrets, caprise, entry.encoder.dim);
  const state = await remote.open();
  const held = state.header.length === 0 ? null : openHeader(state.header, secrets);
  const there = await remote.versions();
  const removed = knownRemoved({ ledger, keyId: entry.current.id, held, there });
  const lost = Math.max(0, (held?.rowCountMin ?? 0) - there.size);
  const writer = new HeaderWriter(options, secrets, { held, readers: state.readers });

  const wanted = new Set<string>();
  let tooLarge = 0;
  const batch = new Batch(remote);
  for (const rows of ledgerBlocks(ledger, sealer, removed)) {
    signal?.throwIfAborted();
    for (const { rowId, name, passage, vector } of rows) {
      if (!there.has(name) && !wanted.has(name)) {
        const version = await writer.announce(there.size, removed);
        const sealed = sealer.seal({ rowId, version, passage, vector });
        if (sealed.passage.length > sealedStoreLimits.passageBytesMax) {
          tooLarge++;
          continue;
        }
        await batch.add(sealed);
      }
      wanted.add(name);
    }
    onProgress?.({ done: wanted.size, total: ledger.rowCount, put: batch.count });
  }
  await batch.flush();

  const gone = [...there].filter(([name]) => !wanted.has(name));
  if (gone.length > 0) {
    await writer.announceRemoval(wanted.size, removed);
    rememberRemoved(ledger, entry.current.id, new Map([...removed, ...gone]));
  }
  for (let start = 0; start < gone.length; start += limits.hostedBatchRowsMax) {
    signal?.throwIfAborted();
    const page = gone.slice(start, start + limits.hostedBatchRowsMax);
    await remote.remove(page.map(([name]) => sodium.from_hex(name)));
  }
  for (const [name, version] of gone) removed.set(name, version);
  await writer.conclude(wanted.size, removed);
  return { put: batch.count, removed: gone.length, rows: wanted.size, tooLarge, lost };
}

/** Rows on their way, about a megabyte a message. */
class Batch {
  readonly #remote: RemoteCollection;
  #rows: PackedRow[] = [];
  #bytes = 0;
  count = 0;

  constructor(remote: RemoteCollection) {
    this.#remote = remote;
  }

  async add(row: PackedRow): Promise<void> {
    this.#rows.push(row);
    this.#bytes += packedRowBytes(row.vector.length, row.passage.length);
    if (this.#bytes >= limits.hostedBatchBytesComfortable || this.#rows.length >= limits.hostedBatchRowsMax)
      await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    await this.#remote.put(this.#rows);
    this.count += this.#rows.length;
    this.#rows = [];
    this.#bytes = 0;
  }
}

/** What the host had at the beginning of a run. */
interface Before {
  readonly held: CollectionHeader | null;
  readonly readers: readonly string[];
}

/** Writes the headers of one run: a version that was ever given out is never given out again, also when the host shows an old header. */
class HeaderWriter {
  readonly #options: PublishOptions;
  readonly #secrets: CollectionSecrets;
  readonly #before: Before;
  #announced: number | null = null;

  constructor(options: PublishOptions, secrets: CollectionSecrets, before: Before) {
    this.#options = options;
    this.#secrets = secrets;
    this.#before = before;
  }

  /** Before the first row: tells of the version that rows of this run have. @returns That version. */
  async announce(rowCountMin: number, removed: RemovedRows): Promise<number> {
    if (this.#announced === null) this.#announced = await this.#write(rowCountMin, removed);
    return this.#announced;
  }

  /** Before the first row is removed: fewer may be found from now on, and those on their way out still. */
  async announceRemoval(rowCountMin: number, removed: RemovedRows): Promise<void> {
    this.#announced = await this.#write(rowCountMin, removed);
  }

  /** When all is done; writes nothing when nothing has changed. */
  async conclude(rowCountMin: number, removed: RemovedRows): Promise<void> {
    const { rankProfile, grants } = this.#options;
    const { held, readers } = this.#before;
    const isSame =
      held !== null &&
      this.#announced === null &&
      // Not so after a run that was ended between the rows and this.
      held.rowCountMin === rowCountMin &&
      Buffer.compare(held.removed, packRemoved(removed)) === 0 &&
      isDeepStrictEqual(held.rankProfile, rankProfile) &&
      isDeepStrictEqual(readers.toSorted(), grants.map(({ member }) => member).toSorted());
    if (!isSame) await this.#write(rowCountMin, removed);
  }

  async #write(rowCountMin: number, removed: RemovedRows): Promise<number> {
    const { ledger, rankProfile, remote, grants, entry } = this.#options;
    const name = `sequence.${entry.current.id}`;
    const sequence = Math.max(readSequence(ledger, name), this.#before.held?.sequence ?? 0) + 1;
    ledger.writeValue(name, Buffer.from(String(sequence)));
    const header = { sequence, rowCountMin, removed: packRemoved(removed), rankProfile };
    await remote.describe(sealHeader(header, this.#secrets), grants);
    return sequence;
  }
}

function readSequence(ledger: PassageStore, name: string): number {
  const stored = ledger.readValue(name);
  return stored === null ? 0 : Number(Buffer.from(stored).toString());
}
