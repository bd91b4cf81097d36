import type { Entry, ZipFile } from "yauzl";
import { fromBufferPromise } from "yauzl";
import { type ParseLimits, parseLimits } from "./parse-limits.ts";
import { UnreadError, encrypted, tooCostly, unreadBy } from "./unread.ts";

/** Unpacked bytes from which the ratio is looked at: small files of blanks are no attack. */
const RATIO_BYTES_MIN = 1024 * 1024;
// As bytes: in Node 24 a search for UTF-16 in a buffer that begins at an odd address may never end.
const ENCRYPTED_PACKAGE = Buffer.from("EncryptedPackage", "utf16le");
const OLE_MAGIC = [0xd0, 0xcf, 0x11, 0xe0];

/** A zip archive in memory, whose files are counted as they are unpacked: what it says of their sizes is not believed. Archives in it stay packed. */
export class Archive {
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #limits: ParseLimits;
  #unpacked = 0;

  private constructor(zip: ZipFile, entries: ReadonlyMap<string, Entry>, limits: ParseLimits) {
    this.#zip = zip;
    this.#entries = entries;
    this.#limits = limits;
  }

  /** @throws UnreadError DAMAGED, ENCRYPTED, TOO_COSTLY, UNSUPPORTED. */
  static async open(bytes: Uint8Array, limits: ParseLimits = parseLimits): Promise<Archive> {
    refuseOle(bytes);
    const entries = new Map<string, Entry>();
    const zip = await findingDamage(() =>
      fromBufferPromise(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { autoClose: false }),
    );
    await findingDamage(async () => {
      for await (const entry of zip.eachEntry()) {
        if (entries.size >= limits.archiveEntriesMax)
          throw tooCostly(`holds more than ${String(limits.archiveEntriesMax)} files`);
        if (entry.isEncrypted()) throw encrypted();
        entries.set(entry.fileName, entry);
      }
    });
    return new Archive(zip, entries, limits);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Unpacks every file and forgets it, for a library that unpacks by itself. @throws UnreadError DAMAGED, TOO_COSTLY. */
  async check(): Promise<void> {
    for (const entry of this.#entries.values()) await this.#unpack(entry, () => undefined);
  }

  /** A file as text, or null where there is none. @throws UnreadError DAMAGED, TOO_COSTLY. */
  async text(name: string): Promise<string | null> {
    const entry = this.#entries.get(name);
    if (!entry) return null;
    const chunks: Buffer[] = [];
    await this.#unpack(entry, (chunk) => chunks.push(chunk));
    return decodeXml(Buffer.concat(chunks));
  }

  async #unpack(entry: Entry, onChunk: (chunk: Buffer) => void): Promise<void> {
    const { archiveBytesMax, archiveRatioMax } = this.#limits;
    let bytes = 0;
    await findingDamage(async () => {
      for await (const chunk of await this.#zip.openReadStreamPromise(entry)) {
        bytes += (chunk as Buffer).length;
        this.#unpacked += (chunk as Buffer).length;
        if (this.#unpacked > archiveBytesMax)
          throw tooCostly(`unpacks to more than ${String(archiveBytesMax / 2 ** 20)} MiB`);
        if (bytes > RATIO_BYTES_MIN && bytes > archiveRatioMax * entry.compressedSize)
          throw tooCostly(`holds a file that unpacks to more than ${String(archiveRatioMax)} times its size`);
        onChunk(chunk as Buffer);
      }
    });
  }
}

/** XML by its byte order mark; without one it is UTF-8. */
function decodeXml(bytes: Uint8Array): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/** Office files with a password, and those of before 2007, are no archives but files in Microsoft's older container. */
function refuseOle(bytes: Uint8Array): void {
  if (OLE_MAGIC.some((byte, at) => bytes[at] !== byte)) return;
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(ENCRYPTED_PACKAGE)) throw encrypted();
  throw new UnreadError(
    "UNSUPPORTED",
    "is an Office file of before 2007 under a newer name. Save it in today's format.",
  );
}

async function findingDamage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unreadBy(error, "is damaged, or not of the type its name says");
  }
}
