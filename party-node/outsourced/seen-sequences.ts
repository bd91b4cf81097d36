import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import type { OutsourcedFaultCode } from "./faults.ts";

const schema = z.record(z.string(), z.int().min(0));

/**
 * The highest sequence of every collection key that this member has seen, in a small file: what is older was put back by a host. The file is not secret,
 * and without it only what this process sees counts.
 */
export class SeenSequences {
  readonly #path: string | null;
  readonly #seen: Map<string, number>;

  /** @param path - Null keeps them in memory. A file that cannot be read counts as empty. */
  constructor(path: string | null) {
    this.#path = path;
    this.#seen = new Map(Object.entries(path === null ? {} : read(path)));
  }

  get(keyId: string): number {
    return this.#seen.get(keyId) ?? 0;
  }

  /** @throws Fault SEEN_NOT_WRITTEN. */
  raise(keyId: string, sequence: number): void {
    if (sequence <= this.get(keyId)) return;
    this.#seen.set(keyId, sequence);
    if (this.#path === null) return;
    // What another process of this member has seen meanwhile counts too.
    for (const [id, seen] of Object.entries(read(this.#path))) this.#seen.set(id, Math.max(seen, this.get(id)));
    const fresh = `${this.#path}.${String(process.pid)}.new`;
    try {
      writeFileSync(fresh, `${JSON.stringify(Object.fromEntries(this.#seen))}\n`, { mode: 0o600 });
      renameSync(fresh, this.#path);
    } catch (cause) {
      throw new Fault<OutsourcedFaultCode>(
        "SEEN_NOT_WRITTEN",
        `${this.#path}, which remembers what was seen of hosted collections, cannot be written; make room or correct its rights`,
        cause,
      );
    }
  }
}

function read(path: string): Record<string, number> {
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return {};
  }
}
