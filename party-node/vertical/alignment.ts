import { readFileSync } from "node:fs";
import { z } from "zod";
import { Fault, sodium, hexOf } from "../../crypto/index.ts";
import { encodeValue, limits } from "../../protocol/index.ts";
import { ID_LENGTH_MAX } from "../documents/index.ts";
import type { PassageStore } from "../store/index.ts";

/**
 * - `ALIGNMENT_MISSING`: the alignment file cannot be read.
 * - `ALIGNMENT_MALFORMED`: it is something else, is too long or names an id twice.
 * - `ALIGNMENT_NEEDED`: the store's rows lie by an alignment, or have to, and none was given.
 * - `ALIGNMENT_NOT_WANTED`: the federation is not vertical.
 * - `NOT_ALIGNED`: nothing was ingested by an alignment when the node was started.
 * - `ALIGNMENT_CHANGED`: the store was filled by another alignment than when the node was started.
 */
export type AlignmentFaultCode =
  | "ALIGNMENT_MISSING"
  | "ALIGNMENT_MALFORMED"
  | "ALIGNMENT_NEEDED"
  | "ALIGNMENT_NOT_WANTED"
  | "NOT_ALIGNED"
  | "ALIGNMENT_CHANGED";

/** Which alignment it is. */
export interface AlignmentName {
  /** Positions: entities in the list. */
  readonly count: number;
  /** BLAKE2b-256 of the list. */
  readonly digest: Uint8Array;
}

/** The ids of all parties' common entities, in the order on which they have agreed. */
export interface Alignment extends AlignmentName {
  /** Position of an entity's row at every party; undefined for what is not common. */
  readonly positionOf: (id: string) => number | undefined;
}

const VALUE_NAME = "alignment";

const fileSchema = z.strictObject({
  version: z.literal(1),
  ids: z.array(z.string().min(1).max(ID_LENGTH_MAX)).min(1).max(limits.verticalPositionsMax),
});
const nameSchema = z.strictObject({ count: z.int().min(1), digest: z.string().regex(/^[0-9a-f]{64}$/) });

/** Reads `{ "version": 1, "ids": [...] }`. @throws Fault ALIGNMENT_MISSING, ALIGNMENT_MALFORMED. */
export function readAlignment(path: string): Alignment {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Fault<AlignmentFaultCode>(
      "ALIGNMENT_MISSING",
      `the alignment file ${path} cannot be read; make it with \`sotto align\`, together with the other parties`,
      cause,
    );
  }
  return makeAlignment(parse(text, path), path);
}

/** @param where - What people call the list. @throws Fault ALIGNMENT_MALFORMED for an id that comes twice. */
export function makeAlignment(ids: readonly string[], where = "the alignment"): Alignment {
  const positions = new Map(ids.map((id, position) => [id, position]));
  if (positions.size !== ids.length) throw malformed(where, "names an id twice");
  const digest = sodium.crypto_generichash(32, encodeValue(ids), null);
  return { count: ids.length, digest, positionOf: (id) => positions.get(id) };
}

function parse(text: string, path: string): string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = null; // the parser's message would quote the ids
  }
  const file = fileSchema.safeParse(json);
  if (!file.success) throw malformed(path, 'is not {"version": 1, "ids": [...]} with ids of 1 to 512 characters');
  return file.data.ids;
}

function malformed(where: string, what: string): Fault {
  return new Fault<AlignmentFaultCode>(
    "ALIGNMENT_MALFORMED",
    `${where} ${what}; make it again with \`sotto align\`, together with the other parties`,
  );
}

/** By which alignment the store's rows lie, or null. */
export function alignmentOf(store: Pick<PassageStore, "readValue">): AlignmentName | null {
  const value = store.readValue(VALUE_NAME);
  if (!value) return null;
  const { count, digest } = nameSchema.parse(JSON.parse(Buffer.from(value).toString()));
  return { count, digest: sodium.from_hex(digest) };
}

/**
 * Ties a store to an alignment. What lies by another one, or by none, is taken out first: positions mean something else now.
 *
 * @param alignment - Null for a store whose rows lie anywhere.
 * @throws Fault ALIGNMENT_NEEDED.
 */
export function claimAlignment(store: PassageStore, alignment: AlignmentName | null): void {
  const held = alignmentOf(store);
  if (!alignment) {
    if (held)
      throw new Fault<AlignmentFaultCode>(
        "ALIGNMENT_NEEDED",
        "the rows of this store lie in the order of an alignment file; name it with --alignment FILE",
      );
    return;
  }
  if (held && sodium.memcmp(held.digest, alignment.digest)) return;
  const remove = store.documentKeys("");
  if (remove.length > 0) store.apply({ put: [], remove });
  const { count, digest } = alignment;
  store.writeValue(VALUE_NAME, Buffer.from(JSON.stringify({ count, digest: hexOf(digest) })));
}
