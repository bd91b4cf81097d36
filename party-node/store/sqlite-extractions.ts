import { hexOf } from "../../crypto/hex.ts";
import { paddedJson } from "./padded-json.ts";
import type { Sealer } from "./sealer.ts";
import type { Statements } from "./statements.ts";
import type { Extractions } from "./store.ts";

/** {@link Extractions} in the store's file. Reading throws Fault STORE_TAMPERED. */
export class SqliteExtractions implements Extractions {
  readonly #sql: Statements;
  readonly #sealer: Sealer;

  constructor(sql: Statements, sealer: Sealer) {
    this.#sql = sql;
    this.#sealer = sealer;
  }

  read(path: string): unknown {
    const hash = this.#sealer.hash(path);
    const row = this.#sql.get<{ sealed: Uint8Array }>("SELECT sealed FROM extractions WHERE path_hash = ?", hash);
    return row ? this.#open(`extraction:${hexOf(hash)}`, row.sealed) : null;
  }

  write(path: string, extraction: unknown): void {
    const hash = this.#sealer.hash(path);
    this.#sql.run(
      "INSERT INTO extractions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sealed = excluded.sealed",
      hash,
      this.#sealer.seal(`extracted:${hexOf(hash)}`, paddedJson(path)),
      this.#sealer.seal(`extraction:${hexOf(hash)}`, paddedJson(extraction)),
    );
  }

  paths(prefix: string): string[] {
    return this.#sql
      .all<{ path_hash: Uint8Array; sealed_path: Uint8Array }>("SELECT path_hash, sealed_path FROM extractions")
      .map((row) => this.#open(`extracted:${hexOf(row.path_hash)}`, row.sealed_path) as string)
      .filter((path) => path.startsWith(prefix))
      .sort();
  }

  remove(paths: readonly string[]): void {
    for (const path of paths) this.#sql.run("DELETE FROM extractions WHERE path_hash = ?", this.#sealer.hash(path));
  }

  #open(place: string, sealed: Uint8Array): unknown {
    return JSON.parse(Buffer.from(this.#sealer.open(place, sealed, "text extracted from a file")).toString());
  }
}
