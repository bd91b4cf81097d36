import { z } from "zod";
import { bytes, memberName } from "./fields.ts";
import { limits } from "./limits.ts";
import { SCORED_BLOCK_BYTES } from "./scored-blocks.ts";

const id = z.int().min(0).max(0xffff_ffff);
/** Key id: 16 bytes. */
const collection = bytes({ length: 16 });
const body = bytes({ max: limits.frameBytesMax });
/** At most `countMax` entries of `entryBytes` each, one after the other. */
const entries = (entryBytes: number, countMax: number) =>
  bytes({ max: entryBytes * countMax }).refine(
    (list) => list.length % entryBytes === 0,
    `expected a multiple of ${String(entryBytes)} bytes`,
  );
const rowIds = entries(16, limits.hostedBatchRowsMax);
const header = bytes({ max: limits.hostedHeaderBytesMax });
const grants = z
  .array(z.strictObject({ member: memberName, grant: bytes({ max: limits.grantBytesMax }) }))
  .max(limits.readersMax);
const revision = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** How the host of a `double` collection scores it: parameters of the ring layout, public. */
export const hostedScoring = z.strictObject({
  chunk: z.int(),
  normMax: z.number().positive(),
  scoreBits: z.int(),
  seed: bytes({ length: 32 }),
});

/** From the owner or a reader of a collection to its host, inside their end-to-end session. All are about ciphertexts. */
export const hostRequests = {
  /** Member: which collections of mine, and which that I may read, do you keep? */
  "host-list": z.strictObject({ type: z.literal("host-list"), id }),
  /** Owner: keep a collection of vectors with `dim` entries, to be searched in this way; `scoring` for mode `double`, otherwise null. */
  "host-create": z.strictObject({
    type: z.literal("host-create"),
    id,
    collection,
    dim: z.int().min(1).max(limits.hostedDimMax),
    search: z.enum(["exact", "approximate"]),
    scoring: hostedScoring.nullable(),
  }),
  /** Owner: the header for readers to be kept with the collection, and who reads it. */
  "host-describe": z.strictObject({ type: z.literal("host-describe"), id, collection, header, grants }),
  /** Owner or reader: what is kept with the collection. */
  "host-open": z.strictObject({ type: z.literal("host-open"), id, collection }),
  /** Owner: rows as `packSealedRows` packs them. */
  "host-put": z.strictObject({ type: z.literal("host-put"), id, collection, rows: body }),
  /** Owner: row ids, 16 bytes each. */
  "host-remove": z.strictObject({ type: z.literal("host-remove"), id, collection, rowIds }),
  /** Owner: the collection and all that was ever in it. */
  "host-erase": z.strictObject({ type: z.literal("host-erase"), id, collection }),
  /** Owner: ids and versions of the rows after this one, by id; empty for the first page. */
  "host-versions": z.strictObject({ type: z.literal("host-versions"), id, collection, after: entries(16, 1) }),
  /** Owner or reader: these rows, 16 bytes each. */
  "host-read": z.strictObject({ type: z.literal("host-read"), id, collection, rowIds }),
  /** Owner or reader: the rows nearest to an encrypted question (float32 entries). `known` is the last revision heard of. */
  "host-search": z.strictObject({
    type: z.literal("host-search"),
    id,
    collection,
    vector: entries(4, limits.hostedDimMax),
    candidates: z.int().min(1).max(limits.hostedCandidatesMax),
    known: revision,
  }),
  /** Owner or reader, `double`: score all rows against an RLWE query. */
  "host-score": z.strictObject({ type: z.literal("host-score"), id, collection, query: body, known: revision }),
  /** Reader: rows that the request `scored` has scored, 8 bytes each (block u32, slot u32). */
  "host-fetch": z.strictObject({
    type: z.literal("host-fetch"),
    id,
    collection,
    scored: id,
    handles: entries(8, limits.hostedCandidatesMax),
  }),
} as const;

/** From the host. */
export const hostAnswers = {
  /** Host: with the grant of the member that asks, empty where there is none. */
  "host-collections": z.strictObject({
    type: z.literal("host-collections"),
    id,
    collections: z
      .array(z.strictObject({ collection, owner: memberName, grant: bytes({ max: limits.grantBytesMax }) }))
      .max(limits.hostedCollectionsMax),
  }),
  /** Host: `revision` is another number whenever the header is another; `readers` only for the owner. */
  "host-state": z.strictObject({
    type: z.literal("host-state"),
    id,
    revision,
    header,
    rowCount: z.int().min(0),
    readers: z.array(memberName).max(limits.readersMax),
  }),
  /** Host: `host-create`, `host-describe`, `host-put`, `host-remove` or `host-erase` is done. */
  "host-done": z.strictObject({ type: z.literal("host-done"), id }),
  /** Host: one page, 24 bytes a row (id, version u64); empty after the last. */
  "host-version-list": z.strictObject({
    type: z.literal("host-version-list"),
    id,
    list: entries(24, limits.hostedVersionsMax),
  }),
  /** Host: as a party's scores; the rows may be fetched in this session. */
  "host-scores": z.strictObject({
    type: z.literal("host-scores"),
    id,
    blocks: entries(SCORED_BLOCK_BYTES, limits.blocksPerPartyMax),
    scores: body,
    revision,
    header,
  }),
  /** Host: one page of rows, padded; `last` ends the answer. `header` is empty unless the revision is another than the known one. */
  "host-rows": z.strictObject({
    type: z.literal("host-rows"),
    id,
    last: z.boolean(),
    rows: body,
    revision,
    header,
  }),
} as const;

type Of<Schemas extends Record<string, z.ZodType>> = { [Type in keyof Schemas]: z.infer<Schemas[Type]> }[keyof Schemas];
export type HostRequest = Of<typeof hostRequests>;
export type HostAnswer = Of<typeof hostAnswers>;
export type HostedScoring = z.infer<typeof hostedScoring>;

const small = { bytesMax: 4096, deadlineMs: 60_000 };
const large = { bytesMax: limits.frameBytesMax, deadlineMs: 60_000 };

export const hostMessageLimits: {
  readonly [Type in (HostRequest | HostAnswer)["type"]]: { readonly bytesMax: number; readonly deadlineMs: number };
} = {
  "host-list": small,
  "host-collections": large,
  "host-create": small,
  "host-describe": large,
  "host-open": small,
  "host-state": large,
  "host-put": large,
  "host-remove": large,
  "host-erase": small,
  "host-done": small,
  "host-versions": small,
  "host-version-list": large,
  "host-read": large,
  "host-search": { ...large, bytesMax: 4096 + 4 * limits.hostedDimMax },
  "host-score": large,
  "host-scores": large,
  "host-fetch": large,
  "host-rows": large,
};
