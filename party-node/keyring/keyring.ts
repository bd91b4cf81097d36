import { z } from "zod";
import { Fault } from "../../crypto/fault.ts";
import { type CollectionKey, type KeyringEntry, checkEntry, fileContent, keysOf, placeOf } from "./entry.ts";
import { type KeyringFaultCode, keyringLimits, malformed } from "./keyring-fault.ts";
import { readKeyringFile, withKeyringLock, writeKeyringFile } from "./keyring-file.ts";
import { type PassphraseBox, type PassphraseCost, PassphraseKey, passphraseBox } from "./passphrase-box.ts";

const PURPOSE = "keyring";

/**
 * The keys of hosted collections that a member holds, in one file of mode 0600, under a passphrase if the member wants one.
 *
 * A change reads the file again, makes the change and replaces the file, all under a lock: processes that change different entries at the same
 * time lose nothing of each other. What other processes change is seen at the next change of one's own. Secrets in memory are wiped when the
 * keyring is disposed of, those in entries it has handed out too; the text between file and memory cannot be, for JavaScript's strings are not
 * ours to overwrite.
 */
export class Keyring implements Disposable {
  readonly #path: string;
  /** Null while no passphrase protects the file. */
  #key: PassphraseKey | null;
  #entries: readonly KeyringEntry[] = [];
  readonly #secrets: Uint8Array[] = [];
  #disposed = false;

  private constructor(path: string, key: PassphraseKey | null) {
    this.#path = path;
    this.#key = key;
  }

  /**
   * @param path - A missing file is an empty keyring.
   * @param passphrase - Asked once, and only if the file is protected.
   * @throws Fault KEYRING_MODE, KEYRING_MALFORMED, KEYRING_PROTECTED, KEYRING_PASSPHRASE, PASSPHRASE_MEMORY.
   */
  static async open(path: string, passphrase?: () => Promise<string>): Promise<Keyring> {
    const text = readKeyringFile(path);
    const box = text === null ? null : parseFile(text, path);
    let key: PassphraseKey | null = null;
    if (box && "sealed" in box) {
      if (!passphrase)
        throw new Fault<KeyringFaultCode>("KEYRING_PROTECTED", `${path} is protected; give its passphrase`);
      key = await PassphraseKey.derive(await passphrase(), box.derivation);
    }
    const keyring = new Keyring(path, key);
    try {
      keyring.#load(text);
      return keyring;
    } catch (error) {
      keyring[Symbol.dispose]();
      throw error;
    }
  }

  get isProtected(): boolean {
    return this.#key !== null;
  }

  /** In the order in which they were added. */
  get entries(): readonly KeyringEntry[] {
    this.#expectUsable();
    return this.#entries;
  }

  get(name: string): KeyringEntry | null {
    return this.entries.find((entry) => entry.name === name) ?? null;
  }

  /** @throws Fault COLLECTION_NOT_FOUND. */
  require(name: string): KeyringEntry {
    return found(this.entries, name);
  }

  /** The key of this id, and the entry that has it as current, next or retired. */
  findKey(id: string): { readonly entry: KeyringEntry; readonly key: CollectionKey } | null {
    for (const entry of this.entries) {
      const key = keysOf(entry).find((one) => one.id === id);
      if (key) return { entry, key };
    }
    return null;
  }

  /** @throws Fault KEYRING_CONFLICT (the name, or a key, is there already), ENTRY_INVALID, and those of every change (see {@link put}). */
  add(entry: KeyringEntry): void {
    this.#change((entries) => {
      if (entries.some(({ name }) => name === entry.name)) throw nameTaken(entry.name);
      return [...entries, entry];
    });
  }

  /**
   * Adds an entry, or replaces the one of its name, whatever another process has made of that one meanwhile. The entry is copied.
   *
   * @throws Fault KEYRING_CONFLICT (another entry has one of its keys), ENTRY_INVALID, KEYRING_FULL, KEYRING_BUSY, KEYRING_NOT_WRITTEN,
   *   KEYRING_CHANGED, KEYRING_MODE, KEYRING_MALFORMED; after any of them the file is as it was.
   */
  put(entry: KeyringEntry): void {
    this.#change((entries) => replaced(entries, entry.name, entry));
  }

  /**
   * Replaces an entry by what `change` makes of it as it is now in the file.
   *
   * @param change - Synchronous; changes neither the entry nor, unless another has it, its name.
   * @throws Fault COLLECTION_NOT_FOUND, and those of {@link put}.
   */
  update(name: string, change: (entry: KeyringEntry) => KeyringEntry): void {
    this.#change((entries) => replaced(entries, name, change(found(entries, name))));
  }

  /** @throws Fault COLLECTION_NOT_FOUND, and those of {@link put}. */
  remove(name: string): void {
    this.#change((entries) => {
      const gone = found(entries, name);
      return entries.filter((entry) => entry !== gone);
    });
  }

  /**
   * Puts the file under a passphrase, or under another one. A backup of the file made before is as readable as it was.
   *
   * @throws Fault PASSPHRASE_WEAK, PASSPHRASE_COST, PASSPHRASE_MEMORY, and those of {@link put}.
   */
  async protect(passphrase: string, cost?: PassphraseCost): Promise<void> {
    this.#expectUsable();
    const key = await PassphraseKey.create(passphrase, cost);
    try {
      this.#change((entries) => entries, key);
    } catch (error) {
      key[Symbol.dispose]();
      throw error;
    }
  }

  /** Takes the passphrase off. @throws Fault of {@link put}. */
  unprotect(): void {
    this.#change((entries) => entries, null);
  }

  /** Wipes every secret, also in entries handed out. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#secrets.forEach((secret) => secret.fill(0));
    this.#key?.[Symbol.dispose]();
  }

  #change(
    change: (entries: readonly KeyringEntry[]) => readonly KeyringEntry[],
    keyAfter: PassphraseKey | null = this.#key,
  ): void {
    this.#expectUsable();
    withKeyringLock(this.#path, () => {
      this.#load(readKeyringFile(this.#path));
      const text = serialise(change(this.#entries), keyAfter);
      writeKeyringFile(this.#path, text);
      if (keyAfter !== this.#key) this.#key?.[Symbol.dispose]();
      this.#key = keyAfter;
      this.#load(text);
    });
  }

  /** @param text - The file's; null when there is none. */
  #load(text: string | null): void {
    const file = text === null ? null : parseFile(text, this.#path);
    const plain = file && "sealed" in file ? parsePlain(parseJson(this.#unseal(file), this.#path), this.#path) : file;
    this.#entries = plain?.entries ?? [];
    this.#secrets.push(...this.#entries.flatMap(keysOf).map(({ secret }) => secret));
  }

  #unseal(box: PassphraseBox): string {
    if (!this.#key?.belongsTo(box.derivation))
      throw new Fault<KeyringFaultCode>(
        "KEYRING_CHANGED",
        `another process has put ${this.#path} under another passphrase meanwhile; run the command again`,
      );
    return this.#key.open(PURPOSE, box, this.#path);
  }

  #expectUsable(): void {
    if (this.#disposed) throw new TypeError("this keyring has been disposed of");
  }
}

type PlainFile = z.output<typeof fileContent>;

function parseFile(text: string, path: string): PassphraseBox | PlainFile {
  const json = parseJson(text, path);
  if (typeof json !== "object" || json === null || !("sealed" in json)) return parsePlain(json, path);
  const box = passphraseBox.safeParse(json);
  if (!box.success) throw malformed(path, placeOf(box.error));
  return box.data;
}

function parsePlain(json: unknown, path: string): PlainFile {
  const plain = fileContent.safeParse(json);
  if (!plain.success) throw malformed(path, placeOf(plain.error));
  return plain.data;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(path, "it is not JSON");
  }
}

function serialise(entries: readonly KeyringEntry[], key: PassphraseKey | null): string {
  entries.forEach(checkEntry);
  if (entries.length > keyringLimits.entriesMax)
    throw new Fault<KeyringFaultCode>(
      "KEYRING_FULL",
      `a keyring holds at most ${keyringLimits.entriesMax} collections; remove those that are no longer needed`,
    );
  refuseConflicts(entries);
  const text = JSON.stringify(z.encode(fileContent, { version: 1, entries: entries as PlainFile["entries"] }), null, 2);
  return `${key ? JSON.stringify(key.seal(PURPOSE, text), null, 2) : text}\n`;
}

function refuseConflicts(entries: readonly KeyringEntry[]): void {
  const names = new Set<string>();
  const owners = new Map<string, string>();
  for (const entry of entries) {
    if (names.has(entry.name)) throw nameTaken(entry.name);
    names.add(entry.name);
    for (const { id } of keysOf(entry)) {
      const other = owners.get(id);
      if (other !== undefined)
        throw new Fault<KeyringFaultCode>(
          "KEYRING_CONFLICT",
          `the keyring holds key ${id} of "${entry.name}" already, as "${other}"; use that entry, or remove it first`,
        );
      owners.set(id, entry.name);
    }
  }
}

function replaced(entries: readonly KeyringEntry[], name: string, by: KeyringEntry): KeyringEntry[] {
  const isThere = entries.some((entry) => entry.name === name);
  return isThere ? entries.map((entry) => (entry.name === name ? by : entry)) : [...entries, by];
}

function found(entries: readonly KeyringEntry[], name: string): KeyringEntry {
  const entry = entries.find((one) => one.name === name);
  if (entry) return entry;
  throw new Fault<KeyringFaultCode>(
    "COLLECTION_NOT_FOUND",
    `the keyring has no collection ${JSON.stringify(name)}; \`sotto keyring show\` lists those it has`,
  );
}

function nameTaken(name: string): Fault {
  return new Fault<KeyringFaultCode>(
    "KEYRING_CONFLICT",
    `the keyring has a collection "${name}" already; choose another name, or remove it first`,
  );
}
