import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Fault, sodium } from "../../crypto/index.ts";
import type { ClientOptions, SottoClient } from "../../party-node/asking/client.ts";
import type { PartyOutcome, QueryResult } from "../../party-node/asking/result.ts";
import type { Encoder } from "../../party-node/encoders/encoder.ts";
import { Keyring, type KeyringEntry, newCollectionKey } from "../../party-node/keyring/index.ts";
import {
  CollectionOwner,
  HostConnection,
  type PublishReport,
  SeenSequences,
  grantedCollections,
  measureCollection,
} from "../../party-node/outsourced/index.ts";
import { CollectionSecrets } from "../../party-node/outsourced/collection-secrets.ts";
import { RowSealer } from "../../party-node/outsourced/row-sealer.ts";
import { type PassageStore, openSqliteStore } from "../../party-node/store/index.ts";
import { type Federation, type Identity, toBase64 } from "../../protocol/index.ts";
import type { FederationInProcess } from "./federation-in-process.ts";
import { type Corpus, ingestCorpus } from "./ingest-corpus.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** What a process needs to act as the owner of a collection; all of it can be told to another process but the identity. */
export interface OwnedOptions {
  /** Of the member: its keyring and ledgers. */
  readonly folder: string;
  readonly collection: string;
  readonly storeKey: Uint8Array;
  readonly identity: Identity;
  readonly federation: Federation;
  readonly coordinatorUrls: readonly string[];
}

export const keyringPath = (folder: string): string => join(folder, "keyring.json");

/** A collection of a member's at its host, with the ledger of what it holds. */
export class OwnedCollection implements Disposable {
  readonly owner: CollectionOwner;
  readonly ledger: PassageStore;
  readonly #connection: HostConnection;
  readonly #folder: string;
  readonly #keyring: Keyring;
  readonly #encoder: Encoder;
  #isOpen = true;

  constructor(keyring: Keyring, encoder: Encoder, { folder, collection: name, storeKey, ...member }: OwnedOptions) {
    this.#keyring = keyring;
    this.#encoder = encoder;
    this.#folder = join(folder, name);
    mkdirSync(this.#folder, { recursive: true });
    this.ledger = openSqliteStore({ path: join(this.#folder, "ledger.db"), storeKey, rowsPerBlock: 32 });
    this.#connection = new HostConnection({ ...member, host: keyring.require(name).host });
    this.owner = new CollectionOwner({
      ...member,
      keyring,
      name,
      ledger: this.ledger,
      session: this.#connection.session,
    });
  }

  get entry(): KeyringEntry {
    return this.owner.entry;
  }

  /** Makes the corpus what the ledger holds of one source; the host is not told. */
  async fill(corpus: Corpus, encoder: Encoder, source = "documents"): Promise<void> {
    const folder = join(this.#folder, source);
    mkdirSync(folder, { recursive: true });
    await ingestCorpus(folder, corpus, this.ledger, encoder);
    this.owner.keepProfile(await measureCollection(this.ledger, encoder));
  }

  /** Makes the corpus what the collection holds. */
  async ingest(corpus: Corpus, encoder: Encoder = this.#encoder): Promise<PublishReport> {
    await this.fill(corpus, encoder);
    return this.owner.publish();
  }

  /** Every row of the ledger. */
  rows(): LedgerRow[] {
    return [...this.ledger.blockRevisions().keys()]
      .flatMap((block) => this.ledger.vectorsOfBlock(block))
      .flatMap(({ rowId, vector }) =>
        this.ledger.passages([rowId]).map(({ documentId, text }) => ({ documentId, text, vector })),
      );
  }

  /** Has the host and the keyring forget it. */
  async erase(): Promise<void> {
    await this.owner.erase();
    this.#keyring.remove(this.entry.name);
    this[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true });
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
    if (this.#isOpen) this.ledger.close();
    this.#isOpen = false;
  }
}

export interface LedgerRow {
  readonly documentId: string;
  readonly text: string;
  readonly vector: Float32Array;
}

export interface CollectionOptions {
  readonly mode?: KeyringEntry["mode"];
  readonly host?: string;
  /** Default 0.01: little enough for the ranking to be the plaintext's. */
  readonly beta?: number;
  readonly epsilon?: number | null;
  readonly rotation?: boolean;
}

/** A member with a keyring of its own: owns collections, reads those it was given. */
export class MemberInProcess implements Disposable {
  readonly name: string;
  readonly keyring: Keyring;
  readonly folder: string;
  readonly #federation: FederationInProcess;
  readonly #removeFolder: Disposable;
  readonly #open: Disposable[] = [];

  private constructor(
    federation: FederationInProcess,
    name: string,
    keyring: Keyring,
    folder: { path: string } & Disposable,
  ) {
    this.name = name;
    this.keyring = keyring;
    this.folder = folder.path;
    this.#federation = federation;
    this.#removeFolder = folder;
  }

  static async open(federation: FederationInProcess, name: string): Promise<MemberInProcess> {
    const folder = temporaryFolder();
    return new MemberInProcess(federation, name, await Keyring.open(keyringPath(folder.path)), folder);
  }

  /** A collection with a new key, which the host does not know yet. */
  declare(name: string, options: CollectionOptions = {}): OwnedCollection {
    this.keyring.add(newEntry(this.#federation, { name, owner: this.name }, options));
    return this.own(name);
  }

  /** A collection with a new key, empty at its host. */
  async create(name: string, options: CollectionOptions = {}): Promise<OwnedCollection> {
    const owned = this.declare(name, options);
    await owned.owner.create();
    return owned;
  }

  /** What the member does with a collection of its keyring. */
  own(collection: string): OwnedCollection {
    const { identity, federation, urls: coordinatorUrls } = this.#member();
    const { storeKey } = this.#federation.keysOf(this.name);
    const { folder } = this;
    return this.#until(
      new OwnedCollection(this.keyring, this.#federation.encoder, {
        folder,
        collection,
        storeKey,
        identity,
        federation,
        coordinatorUrls,
      }),
    );
  }

  /** A way to a host of the member's own, beside those of its collections. */
  host(host = "host"): HostConnection {
    const { identity, federation, urls: coordinatorUrls } = this.#member();
    return this.#until(new HostConnection({ identity, federation, coordinatorUrls, host }));
  }

  /** Takes what was granted at a host into the keyring. */
  async accept(host = "host"): Promise<readonly KeyringEntry[]> {
    const { entries } = await grantedCollections(await this.host(host).session(), this.#member());
    for (const entry of entries) this.keyring.put(entry);
    return entries;
  }

  /** A client that asks what the keyring has; what it has seen of collections is kept in the member's folder. */
  client(options: Partial<ClientOptions> = {}): Promise<SottoClient> {
    return this.#federation.client(this.name, {
      collections: {
        entries: this.keyring.entries,
        seen: new SeenSequences(this.seenPath),
        onNewKey: (entry) => {
          this.keyring.put(entry);
        },
      },
      ...options,
    });
  }

  get seenPath(): string {
    return join(this.folder, "seen.json");
  }

  [Symbol.dispose](): void {
    for (const open of this.#open.splice(0)) open[Symbol.dispose]();
    this.keyring[Symbol.dispose]();
    this.#removeFolder[Symbol.dispose]();
  }

  #member() {
    const { federation, urls } = this.#federation;
    return { identity: this.#federation.identity(this.name), federation, urls };
  }

  #until<Open extends Disposable>(open: Open): Open {
    this.#open.push(open);
    return open;
  }
}

/** As `sotto collection create` makes it. */
function newEntry(
  { encoder: { fingerprint, dim, normMax } }: FederationInProcess,
  whose: Pick<KeyringEntry, "name" | "owner">,
  { mode = "outsourced", host = "host", beta = 0.01, epsilon = null, rotation = true }: CollectionOptions,
): KeyringEntry {
  const seed = toBase64(sodium.randombytes_buf(32));
  return {
    ...whose,
    host,
    mode,
    encoder: { fingerprint, dim, normMax },
    sealing: { scale: 1, beta, rotation, epsilon },
    scoring: mode === "double" ? { chunk: 64, scoreBits: 20, seed } : null,
    current: newCollectionKey(),
    next: null,
    retired: [],
  };
}

/** The rows with their exact scores to single precision, best first. */
export async function exactRanking<Row extends Pick<LedgerRow, "vector">>(
  question: string,
  rows: readonly Row[],
  encoder: Encoder,
): Promise<(Row & { readonly score: number })[]> {
  const query = await encoder.encodeQuery(question);
  return rows
    .map((row) => ({ ...row, score: row.vector.reduce((sum, entry, i) => sum + entry * query[i]!, 0) }))
    .sort((a, b) => b.score - a.score);
}

/** Opens rows as a host has them, with the current key. */
export function rowOpener(entry: KeyringEntry): Pick<RowSealer, "open"> & Disposable {
  const secrets = new CollectionSecrets(entry.current);
  const caprise = secrets.capriseKey(entry);
  const sealer = new RowSealer(secrets, caprise, entry.encoder.dim);
  return {
    open: (row) => sealer.open(row),
    [Symbol.dispose]: () => {
      caprise[Symbol.dispose]();
      secrets[Symbol.dispose]();
    },
  };
}

/** What became of a collection, by the name the asker has for it. */
export function outcomeOf({ parties }: QueryResult, collection: string): PartyOutcome {
  const outcome = parties.find((one) => one.collection?.name === collection);
  if (!outcome) throw new Error(`the result says nothing of ${collection}`);
  return outcome;
}

/** The code and words of a rejection. */
export async function faultOf(work: Promise<unknown>): Promise<Pick<Fault, "code" | "message">> {
  try {
    await work;
  } catch (error) {
    const { code, message } = error as Fault;
    return { code, message };
  }
  throw new Error("it was expected to fail");
}
