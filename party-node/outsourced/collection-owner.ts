import { Fault, type RankProfile, sodium, hexOf } from "../../crypto/index.ts";
import type { Federation, Identity } from "../../protocol/index.ts";
import { type CollectionKey, type Keyring, type KeyringEntry, newCollectionKey, sealGrant } from "../keyring/index.ts";
import type { EndToEndSession } from "../link/index.ts";
import type { PassageStore } from "../store/index.ts";
import { CollectionSecrets } from "./collection-secrets.ts";
import { hostedScoringOf } from "./double-layout.ts";
import type { OutsourcedFaultCode } from "./faults.ts";
import { hostedSearchOf } from "./hosted-search.ts";
import { openHeader } from "./header.ts";
import { ledgerBlocks } from "./ledger-rows.ts";
import { type PublishOptions, type PublishReport, publish } from "./publish.ts";
import { RemoteCollection } from "./remote-collection.ts";
import { knownRemoved } from "./removed-rows.ts";
import { RowSealer } from "./row-sealer.ts";

export interface CollectionOwnerOptions {
  readonly keyring: Keyring;
  /** The collection's name in it. */
  readonly name: string;
  /** What the collection is to hold, and what its owner remembers of it. */
  readonly ledger: PassageStore;
  readonly identity: Identity;
  readonly federation: Federation;
  /** Opens or returns the session with the host. */
  readonly session: () => Promise<EndToEndSession>;
}

export interface CheckReport {
  /** Rows of the ledger that the host does not name, or names and does not deliver. */
  readonly missing: number;
  /** Rows the host has and the ledger has not. */
  readonly unexpected: number;
  /** Rows of the sample that opened as they were sealed. */
  readonly opened: number;
}

type Running = Pick<PublishOptions, "signal" | "onProgress">;

const READERS = "readers";
const PROFILE = "rank profile";

/** What the owner of a hosted collection does with it. Whatever is interrupted, is made up for by calling it again. */
export class CollectionOwner {
  readonly #options: CollectionOwnerOptions;

  constructor(options: CollectionOwnerOptions) {
    this.#options = options;
  }

  get entry(): KeyringEntry {
    return this.#options.keyring.require(this.#options.name);
  }

  /** Members that have been given the key, by name. */
  get readers(): readonly string[] {
    const stored = this.#options.ledger.readValue(READERS);
    return stored === null ? [] : (JSON.parse(Buffer.from(stored).toString()) as string[]);
  }

  /** Makes the collection at its host, empty; nothing where it is there already. @throws Fault NOT_HOSTING and others of the host. */
  async create(): Promise<void> {
    await this.#ensure(this.entry.current);
  }

  /** Brings the host up to date with the ledger, also one that has lost the collection. @throws as {@link publish}. */
  async publish(running: Running = {}): Promise<PublishReport> {
    await this.#ensure(this.entry.current);
    return this.#publish(this.entry.current, running);
  }

  /** How scores fall with rank, for readers to know how many candidates to ask for; told to them with the next {@link publish}. */
  keepProfile(profile: RankProfile | null): void {
    this.#options.ledger.writeValue(PROFILE, Buffer.from(JSON.stringify(profile)));
  }

  /** Gives a member the key, or takes the name off the list of those who have it. @throws Fault GRANT_RECIPIENT. */
  async changeReaders(change: { readonly add?: string; readonly remove?: string }): Promise<void> {
    const { ledger } = this.#options;
    const readers = new Set(this.readers);
    if (change.add !== undefined) readers.add(change.add);
    if (change.remove !== undefined) readers.delete(change.remove);
    if (change.add !== undefined) this.#grant(this.entry.current, change.add); // throws before anything is remembered
    ledger.writeValue(READERS, Buffer.from(JSON.stringify([...readers].sort())));
    await this.publish();
  }

  /** Notes in the keyring that the key is to be changed, so that it will be whatever happens now. @returns The new key. */
  startRotation(): CollectionKey {
    const { keyring, name } = this.#options;
    keyring.update(name, (entry) => ({ ...entry, next: entry.next ?? newCollectionKey() }));
    return this.entry.next!;
  }

  /**
   * Gives the collection a new key: fills a new collection at the host from the ledger while the old one is read, then makes the new one the one to read and
   * has the old one erased. Readers that are still on the list are given the new key; others, and whoever has copied the old one, can read no more.
   */
  async rotate(running: Running = {}): Promise<PublishReport> {
    const { keyring, name } = this.#options;
    const next = this.startRotation();
    await this.#ensure(next);
    const report = await this.#publish(next, running);
    keyring.update(name, (entry) =>
      entry.next ? { ...entry, current: entry.next, next: null, retired: [...entry.retired, entry.current] } : entry,
    );
    await this.eraseRetired();
    return report;
  }

  /**
   * Compares what the host says it has with the ledger, and opens some of it, drawn at random.
   *
   * @throws Fault ROW_TAMPERED for a row that does not open; HOST_MISBEHAVED for rows in place of those that were drawn.
   */
  async check(sample = 64): Promise<CheckReport> {
    const { entry } = this;
    using secrets = new CollectionSecrets(entry.current);
    using caprise = secrets.capriseKey(entry);
    const sealer = new RowSealer(secrets, caprise, entry.encoder.dim);
    const remote = this.#remote(entry.current);
    const { header } = await remote.open();
    const held = header.length === 0 ? null : openHeader(header, secrets);
    const there = await remote.versions();
    const { ledger } = this.#options;
    const removed = knownRemoved({ ledger, keyId: entry.current.id, held, there });
    const wanted = new Set<string>();
    for (const rows of ledgerBlocks(ledger, sealer, removed)) for (const { name } of rows) wanted.add(name);
    const names = [...there.keys()];
    const drawn = new Set<string>();
    while (drawn.size < Math.min(sample, names.length)) drawn.add(names[sodium.randombytes_uniform(names.length)]!);
    const rows = await remote.read([...drawn].map((name) => sodium.from_hex(name)));
    const found = new Set(rows.map(({ rowId }) => hexOf(rowId)));
    if (found.size < rows.length || [...found].some((name) => !drawn.has(name)))
      throw new Fault<OutsourcedFaultCode>("HOST_MISBEHAVED", "its host returned a row twice, or one not asked for");
    for (const row of rows) sealer.open(row);
    return {
      missing: [...wanted].filter((name) => !there.has(name)).length + drawn.size - rows.length,
      unexpected: names.filter((name) => !wanted.has(name)).length,
      opened: rows.length,
    };
  }

  /** Has the host erase what was sealed under keys that are no longer used. */
  async eraseRetired(): Promise<void> {
    const { keyring, name } = this.#options;
    for (const key of this.entry.retired) {
      await ignoringUnknown(this.#remote(key).erase());
      keyring.update(name, (entry) => ({ ...entry, retired: entry.retired.filter(({ id }) => id !== key.id) }));
    }
  }

  /** Has the host erase all of it. The keys and the ledger are the caller's to remove. */
  async erase(): Promise<void> {
    const { current, next, retired } = this.entry;
    for (const key of [current, ...(next ? [next] : []), ...retired]) await ignoringUnknown(this.#remote(key).erase());
  }

  async #ensure(key: CollectionKey): Promise<void> {
    const remote = this.#remote(key);
    try {
      await remote.open();
    } catch (error) {
      if (!isUnknown(error)) throw error;
      await remote.create({ search: hostedSearchOf(this.entry), scoring: hostedScoringOf(this.entry) });
    }
  }

  #publish(key: CollectionKey, running: Running): Promise<PublishReport> {
    const { ledger } = this.#options;
    const profile = ledger.readValue(PROFILE);
    return publish({
      ...running,
      entry: { ...this.entry, current: key },
      ledger,
      remote: this.#remote(key),
      grants: this.#grants(key),
      rankProfile: profile === null ? null : (JSON.parse(Buffer.from(profile).toString()) as RankProfile | null),
    });
  }

  /** For all readers but those who have left the federation: one of them must not keep the owner from publishing. */
  #grants(key: CollectionKey) {
    const { federation } = this.#options;
    return this.readers
      .filter((member) => federation.hasRole(member, "querier"))
      .map((member) => ({ member, grant: this.#grant(key, member) }));
  }

  #grant(key: CollectionKey, recipient: string): Uint8Array {
    const { identity: owner, federation } = this.#options;
    return sealGrant({ ...this.entry, current: key }, { recipient, owner, federation });
  }

  #remote(key: CollectionKey): RemoteCollection {
    const { session } = this.#options;
    const { dim } = this.entry.encoder;
    return new RemoteCollection({ session, keyId: sodium.from_hex(key.id), dim: dim + 1 });
  }
}

async function ignoringUnknown(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isUnknown(error)) throw error;
  });
}

function isUnknown(error: unknown): boolean {
  return error instanceof Fault && error.code === "COLLECTION_UNKNOWN";
}
