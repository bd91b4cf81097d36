import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../crypto/index.ts";
import type { Keyring, KeyringEntry } from "../party-node/keyring/index.ts";
import { type OpenedNode, openNode } from "../party-node/node-folder.ts";
import { CollectionOwner, HostConnection } from "../party-node/outsourced/index.ts";
import { type PassageStore, openSqliteStore } from "../party-node/store/index.ts";
import { openNodeKeyring } from "./passphrase.ts";

/** Rows of a ledger's block; nobody scores a ledger. */
const LEDGER_ROWS_PER_BLOCK = 256;

/** A command that is nearly through is waited for. */
const LOCK_TIMEOUT_MS = 5000;

/** A collection of this node's at its host, with the ledger of what it holds. */
export class OwnedCollection implements Disposable {
  readonly node: OpenedNode;
  readonly keyring: Keyring;
  readonly ledger: PassageStore;
  readonly owner: CollectionOwner;
  readonly #connection: HostConnection;
  readonly #lock: Disposable;

  private constructor(node: OpenedNode, keyring: Keyring, entry: KeyringEntry) {
    const { identity, federation, coordinatorUrls, ca } = node;
    this.node = node;
    this.keyring = keyring;
    this.#lock = lockLedger(node, entry.name);
    this.ledger = openLedger(node, entry.name);
    this.#connection = new HostConnection({ identity, federation, coordinatorUrls, ca, host: entry.host });
    const { session } = this.#connection;
    const { name } = entry;
    this.owner = new CollectionOwner({ keyring, name, ledger: this.ledger, identity, federation, session });
  }

  /** @throws Fault COLLECTION_NOT_FOUND, NOT_THE_OWNER, COLLECTION_BUSY, and those of the node, its keyring and the ledger. */
  static async open(dir: string, name: string): Promise<OwnedCollection> {
    const node = openNode(dir);
    const keyring = await openNodeKeyring(node.folder.path);
    try {
      const entry = keyring.require(name);
      if (entry.owner !== node.identity.name)
        throw new Fault("NOT_THE_OWNER", `"${name}" belongs to ${entry.owner}, who alone can change it`);
      return new OwnedCollection(node, keyring, entry);
    } catch (error) {
      keyring[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
    this.ledger.close();
    this.#lock[Symbol.dispose]();
    this.keyring[Symbol.dispose]();
  }
}

/**
 * One process at a time changes a collection: two would tell readers of two states under one number. SQLite's lock on an empty file, which the system
 * drops with the process.
 *
 * @throws Fault COLLECTION_BUSY.
 */
function lockLedger(node: OpenedNode, name: string): Disposable {
  const path = ledgerPath(node, name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(`${path}.lock`, { timeout: LOCK_TIMEOUT_MS });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    lock.close();
    throw new Fault(
      "COLLECTION_BUSY",
      `another command is at work on "${name}"; wait until it has ended, or stop it, and run this again`,
      cause,
    );
  }
  return {
    [Symbol.dispose]: () => {
      lock.close();
    },
  };
}

/** Removes what a closed collection's ledger held. */
export function removeLedger(node: OpenedNode, name: string): void {
  const path = ledgerPath(node, name);
  for (const end of ["", "-wal", "-shm", ".lock"]) rmSync(path + end, { force: true });
}

function ledgerPath({ folder }: OpenedNode, name: string): string {
  return `${folder.collectionsPath}/${name}.db`;
}

function openLedger(node: OpenedNode, name: string): PassageStore {
  return openSqliteStore({
    path: ledgerPath(node, name),
    storeKey: node.keys.storeKey,
    rowsPerBlock: LEDGER_ROWS_PER_BLOCK,
  });
}
