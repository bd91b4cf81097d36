import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ingest } from "../../../party-node/ingest.ts";
import { openSqliteStore } from "../../../party-node/store/index.ts";
import { paddedLength } from "../../../party-node/store/padded-json.ts";
import type { BeirDocument } from "../../beir.ts";
import { type Matrix, row } from "../../sealing/matrix.ts";
import type { Attack, AttackResult, Finding } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { divide } from "../victim.ts";
import { matchByLength } from "./match-by-length.ts";

/** Searches a party's store as a thief of the disk finds it, without the key file. */
export const stolenDisk: Attack = {
  name: "stolen-disk",
  title: "A party's store is searched without its key",
  role: "host or stolen disk",
  holds: "every file of the store of a party, and not the key file beside it",
  assumptions:
    "The attacker knows the file format and has a list of candidate passages that holds all of the true ones and as many others. Who has the key file too has everything.",
  method:
    "All files are searched for a stretch of each passage and of each vector. Then every sealed passage is matched by its length alone to the candidates of that length.",
  papers: [
    {
      citation: "Islam, Kuzu, Kantarcioglu, Access Pattern Disclosure on Searchable Encryption, 2012",
      id: "NDSS 2012",
    },
    {
      citation: "Cash, Grubbs, Perry, Ristenpart, Leakage-Abuse Attacks Against Searchable Encryption, 2015",
      id: "doi 10.1145/2810103.2813700",
    },
  ],
  run,
};

/** What JSON leaves as it is, in any script. Shorter stretches turn up by chance, in file formats too. */
const STRETCH = /[^"\\\p{C}]{8,16}/u;
const WINDOW_BYTES = 64;
const SEARCHED_MAX = 500;
/** XChaCha20-Poly1305's nonce and tag. */
const SEALING_BYTES = 40;
/** One in a hundred: in sealed bytes none is found. */
const CONTENT_SUCCESS = 0.01;
/** One passage in ten is named. */
const LENGTH_SUCCESS = 0.1;

/** What a search of files found, each a share of what is there. */
interface Found {
  readonly text: number;
  readonly vectors: number;
}

async function run(lab: Lab): Promise<AttackResult> {
  const rows = lab.bySize({ quick: 400, standard: 2000, full: 10_000 });
  const { owner, attacker } = divide(await lab.victim(), { owner: rows, attacker: rows, seed: lab.settings.seed });
  const folder = mkdtempSync(join(tmpdir(), "sotto-"));
  try {
    const vectors = await storeSealed(lab, folder, owner);
    storePlain(join(folder, "plain.db"), owner, vectors);
    await lab.progress(1, 2);
    const sealed = searchFiles(folder, "sealed.db", owner, vectors);
    const plain = searchFiles(folder, "plain.db", owner, vectors);
    const lengths = (length: (bytes: number) => number): number =>
      matchByLength(owner.map(jsonBytes).map(length), attacker.map(jsonBytes).map(length));
    const [padded, exact] = [lengths(paddedLength), lengths((bytes) => bytes)];
    expectLengths(join(folder, "sealed.db"), owner.map(jsonBytes).map(paddedLength));
    return {
      findings: [
        contentFinding("stretches of passages found in the files (share)", sealed.text, plain.text),
        contentFinding("vectors found in the files (share)", sealed.vectors, plain.vectors),
        {
          mode: "private",
          setting: "by the length of what is sealed",
          metric: "exact match@1",
          value: padded,
          baseline: exact,
          baselineIs: "lengths that are not padded",
          guessing: 1 / (owner.length + attacker.length),
          threshold: LENGTH_SUCCESS,
          direction: "above",
        },
      ],
      words: [
        "Whoever copies a party's store without the key file finds neither text nor vectors in it. What shows is how many documents and passages there are, which rows belong to one document, and how long each passage is, to 512 bytes.",
        "Lengths alone would name many passages to somebody who has a list of likely ones; padded, they leave many candidates for each.",
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A party's own ingest into its own store. @returns Shape [documents][dim], as stored. */
async function storeSealed(lab: Lab, folder: string, documents: readonly BeirDocument[]): Promise<Matrix> {
  const file = join(folder, "documents.jsonl");
  const lines = documents.map(({ id, title, text }) => `${JSON.stringify({ _id: id, title, text })}\n`);
  writeFileSync(file, lines.join(""));
  const encoder = await lab.encoder();
  const store = openSqliteStore({ path: join(folder, "sealed.db"), storeKey: lab.secret(), rowsPerBlock: 128 });
  try {
    await ingest({ paths: [file], store, encoder, signal: lab.signal });
  } finally {
    store.close();
  }
  return lab.encode(encoder, documents);
}

function storePlain(path: string, documents: readonly BeirDocument[], vectors: Matrix): void {
  using database = new DatabaseSync(path);
  database.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, passage TEXT, vector BLOB)");
  const insert = database.prepare("INSERT INTO rows (passage, vector) VALUES (?, ?)");
  documents.forEach((document, i) => {
    const { buffer, byteOffset, byteLength } = row(vectors, i);
    insert.run(jsonOf(document), new Uint8Array(buffer, byteOffset, byteLength));
  });
}

/** Reads every file whose name begins so, SQLite's logs too. */
function searchFiles(folder: string, name: string, documents: readonly BeirDocument[], vectors: Matrix): Found {
  const bytes = Buffer.concat(
    readdirSync(folder)
      .filter((file) => file.startsWith(name))
      .map((file) => readFileSync(join(folder, file))),
  );
  const sample = documents.slice(0, SEARCHED_MAX).flatMap(({ text }) => STRETCH.exec(text) ?? []);
  const starts = Array.from({ length: Math.min(documents.length, SEARCHED_MAX) }, (_, i) => {
    const { buffer, byteOffset, byteLength } = row(vectors, i);
    return mostTelling(Buffer.from(buffer, byteOffset, byteLength));
  });
  const share = (sought: readonly (string | Buffer)[]): number =>
    sought.filter((one) => bytes.includes(one)).length / Math.max(1, sought.length);
  return { text: share(sample), vectors: share(starts) };
}

/** The stretch of a vector that says most: sparse vectors are mostly zeros, which a file has everywhere. */
function mostTelling(vector: Buffer): Buffer {
  const starts = Array.from({ length: Math.floor(vector.length / WINDOW_BYTES) }, (_, i) => i * WINDOW_BYTES);
  const stretches = starts.map((at) => vector.subarray(at, at + WINDOW_BYTES));
  const telling = stretches.map((stretch) => stretch.filter((byte) => byte !== 0).length);
  return stretches[telling.indexOf(Math.max(...telling))]!;
}

/** The attack reckons with these lengths; a store that seals to others would make it wrong. */
function expectLengths(path: string, expected: readonly number[]): void {
  using database = new DatabaseSync(path, { readOnly: true });
  const found = database.prepare("SELECT length(sealed_passage) AS bytes FROM rows").all() as { bytes: number }[];
  const sorted = (lengths: readonly number[]): string => lengths.toSorted((a, b) => a - b).join();
  if (sorted(found.map(({ bytes }) => bytes - SEALING_BYTES)) !== sorted(expected))
    throw new TypeError("stolen-disk: the store seals passages to other lengths than the attack expects");
}

/** As the store writes a line of a .jsonl file: document id, title, text, ordinal. */
function jsonOf({ id, title, text }: BeirDocument): string {
  return JSON.stringify([id, title, text, 0]);
}

function jsonBytes(document: BeirDocument): number {
  return Buffer.byteLength(jsonOf(document));
}

function contentFinding(metric: string, value: number, baseline: number): Finding {
  return {
    mode: "private",
    setting: "",
    metric,
    value,
    baseline,
    baselineIs: "the same rows in an unsealed store",
    guessing: 0,
    threshold: CONTENT_SUCCESS,
    direction: "above",
  };
}
