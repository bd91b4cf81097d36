import { z } from "zod";
import { alignAnswers, alignMessageLimits, alignRequests } from "./align-messages.ts";
import { codeAnswers, codeMessageLimits, codeRequests } from "./code-messages.ts";
import { HASH_BYTES, bytes, memberName } from "./fields.ts";
import { hostAnswers, hostMessageLimits, hostRequests } from "./host-messages.ts";
import { limits } from "./limits.ts";
import { locationFields } from "./passage-location.ts";
import { routingAnswers, routingMessageLimits, routingRequests } from "./routing-messages.ts";
import { SCORED_BLOCK_BYTES } from "./scored-blocks.ts";
import { trainingAnswers, trainingMessageLimits, trainingRequests } from "./training-messages.ts";

const u32 = z.int().min(0).max(0xffff_ffff);
const body = bytes({ max: limits.frameBytesMax });
const queryId = bytes({ length: 16 });
const session = bytes({ length: 16 });
const version = bytes({ length: 16 });
const versions = bytes({ max: 16 * limits.blocksPerPartyMax }).refine(
  (list) => list.length % 16 === 0,
  "expected a multiple of 16 bytes",
);
/** Key id of a hosted `double` collection; left out for the party's own passages. */
const collection = bytes({ length: 16 }).optional();
const code = z.string().regex(/^[A-Z][A-Z_]{0,63}$/, "expected a fault code");
/** For people to read: no control characters, which a terminal would obey. */
const reason = z
  .string()
  .max(500)
  .regex(/^[^\p{Cc}\p{Cf}]*$/u, "expected printable characters");

const scoredBlocks = bytes({ max: SCORED_BLOCK_BYTES * limits.blocksPerPartyMax }).refine(
  (list) => list.length % SCORED_BLOCK_BYTES === 0,
  `expected a multiple of ${String(SCORED_BLOCK_BYTES)} bytes`,
);
/** Of as many blocks as a message may describe: 84 bytes each, and what is around them in a signed envelope. */
const MANIFEST_BYTES_MAX = 84 * limits.blocksPerMessageMax + 512;
/** A 32-byte key in a libsodium sealed box. */
export const CHECK_KEY_BOX_BYTES = 80;
/** Little-endian 32-bit words below the modulus, which the receiver checks. */
const residues = body.refine((list) => list.length % 4 === 0, "expected a multiple of 4 bytes");

/** Between a member and the coordinator, on an authenticated connection. */
export const hopMessages = {
  /** Coordinator to member, first of all: who serves at present. Sent again whenever it changes. */
  roster: z.strictObject({ type: z.literal("roster"), parties: z.array(memberName).max(limits.membersMax) }),
  /** Party to coordinator: this connection answers queries. */
  serve: z.strictObject({ type: z.literal("serve"), encoder: bytes({ length: 32 }) }),
  /** Querier to coordinator to every party named: a signed, encrypted query. */
  query: z.strictObject({
    type: z.literal("query"),
    queryId,
    deadlineMs: z.int().min(1).max(limits.queryDeadlineMsMax),
    /** Filled by the querier on the way up: who is asked. Empty on the way down. */
    parties: z.array(memberName).max(limits.membersMax),
    body,
  }),
  /** Party to coordinator to querier: signed scores. `party` is filled by the coordinator. */
  answer: z.strictObject({ type: z.literal("answer"), queryId, party: memberName, body }),
  /** Either way: no answer will come, or no longer. `party` is filled by the coordinator. `retryAfterMs` is a busy party's guess, otherwise null. */
  refusal: z.strictObject({
    type: z.literal("refusal"),
    queryId,
    party: memberName,
    code,
    reason,
    retryAfterMs: z.int().min(0).max(limits.retryAfterMsMax).nullable(),
  }),
  /** Party to coordinator, in a vertical federation in place of an answer: masked scores, and a signed {@link shareBody} for the querier. */
  share: z.strictObject({ type: z.literal("share"), queryId, party: memberName, body, residues }),
  /** Coordinator to querier: the sum of all parties' shares modulo q, and what each has signed. */
  total: z.strictObject({
    type: z.literal("total"),
    queryId,
    residues,
    shares: z.array(z.strictObject({ party: memberName, body })).max(limits.verticalPartiesMax),
  }),
  /** Querier to coordinator to the parties: the answer is no longer wanted. */
  cancel: z.strictObject({ type: z.literal("cancel"), queryId }),
  /** End-to-end bytes between a querier and a party, opaque to the coordinator. `peer` is the receiver on the way up, the sender on the way down. */
  relay: z.strictObject({ type: z.literal("relay"), session, peer: memberName, body }),
  /** Either way: the end-to-end session is over. */
  hangup: z.strictObject({ type: z.literal("hangup"), session, peer: memberName, code }),
  /** Either way, once: which federation file this side has, `digest` over all its entries. Whoever has what the other may lack sends it. */
  "federation-revision": z.strictObject({
    type: z.literal("federation-revision"),
    revision: z.int().min(1),
    digest: bytes({ length: 32 }),
  }),
  /** Either way: a federation file, of which every entry is signed by who may make it, so that it matters not who brings it. */
  federation: z.strictObject({ type: z.literal("federation"), file: z.string().max(limits.federationFileMax) }),
  /** Who is invited to coordinator, and all that it may say: the CBOR of its claim. */
  join: z.strictObject({ type: z.literal("join"), claim: bytes({ max: limits.claimBytesMax }) }),
  /** Coordinator to member: why the connection is about to be closed. */
  goodbye: z.strictObject({ type: z.literal("goodbye"), code, reason }),
} as const;

/** What a signed query holds. */
export const queryBody = z.strictObject({
  queryId,
  /** Milliseconds since 1970 on the querier's clock: an old query is not answered again. */
  issuedAtMs: z.int().min(0),
  /** X25519 public key of this query alone, to which the parties seal their scores. */
  answerKey: bytes({ length: 32 }),
  query: body,
  /** In a vertical federation alone: the key of the shares' checks, sealed to each party's identity key, 80 bytes each, in the order of their names. */
  checkKeys: bytes({ max: CHECK_KEY_BOX_BYTES * limits.verticalPartiesMax }).optional(),
});

/** What a signed share holds. */
export const shareBody = z.strictObject({
  queryId,
  /** BLAKE2b-256 of the signed query. */
  queryHash: bytes({ length: 32 }),
  /** BLAKE2b-256 of the residues that go with it. */
  residuesHash: bytes({ length: 32 }),
  /** {@link shareNote}, sealed to the query's answerKey. */
  sealed: body,
});

/** What the querier alone is told of a share. */
export const shareNote = z.strictObject({
  /** As in a {@link scoreList}, by ascending block number. */
  blocks: scoredBlocks,
  /** Gives the mask that the querier takes off the sum. */
  maskSeed: bytes({ length: 32 }),
  /** BLAKE2b-256 of the list of ids by which the party's rows are placed: the same at all parties. */
  alignment: bytes({ length: 32 }),
  /** Length of that list: positions that hold an entity. */
  positions: u32,
});

/** What a signed answer holds. */
export const answerBody = z.strictObject({
  queryId,
  /** BLAKE2b-256 of the signed query, so that an answer cannot be moved to another question. */
  queryHash: bytes({ length: 32 }),
  /** {@link scoreList}, sealed to the query's answerKey: whoever carries it would otherwise hold rounded linear samples of the data. */
  sealed: body,
});

/** A party's scores: the same number of bytes for every block, in the order of `blocks`, which holds 20 bytes a block (number u32, version). */
export const scoreList = z.strictObject({
  blocks: scoredBlocks,
  scores: body,
});

/** Between a querier and a party, inside their end-to-end session. `id` pairs an answer with its request. */
export const endToEndMessages = {
  /** Querier, once a session: which block versions it holds hints for, 16 bytes each, one after the other. */
  sync: z.strictObject({ type: z.literal("sync"), id: u32, held: versions, collection }),
  /** Querier: all the versions that it has met in an answer and does not know. */
  describe: z.strictObject({ type: z.literal("describe"), id: u32, versions, collection }),
  /**
   * Party: after `sync` all its present blocks, `hint` and `passages` empty where the querier holds them; after `describe` those it still knows. `last`
   * ends the list. `manifest` is a signed {@link blockManifest} of the blocks that are described in full; left out for a hosted collection.
   */
  blocks: z.strictObject({
    type: z.literal("blocks"),
    id: u32,
    last: z.boolean(),
    blocks: z
      .array(
        z.strictObject({
          block: u32,
          version,
          occupied: bytes({ max: 256 }),
          hint: bytes({ max: 65_536 }),
          passages: bytes({ max: HASH_BYTES }),
        }),
      )
      .max(limits.blocksPerMessageMax),
    manifest: bytes({ max: MANIFEST_BYTES_MAX }).optional(),
  }),
  /** Querier: wanted rows, padded to `fetchHandlesMax` handles of 8 bytes (block u32, slot u32; block 2^32 - 1 is padding). */
  fetch: z.strictObject({
    type: z.literal("fetch"),
    id: u32,
    queryId,
    handles: bytes({ length: 8 * limits.fetchHandlesMax }),
  }),
  /** Party: a CBOR {@link passageDelivery}, padded by ISO/IEC 7816-4 to a multiple of `passagePadBytes`. */
  passages: z.strictObject({ type: z.literal("passages"), id: u32, padded: body }),
  /** Party: a request could not be met. */
  fault: z.strictObject({ type: z.literal("fault"), id: u32, code, reason }),
  ...hostRequests,
  ...hostAnswers,
  ...routingRequests,
  ...routingAnswers,
  ...trainingRequests,
  ...trainingAnswers,
  ...alignRequests,
  ...alignAnswers,
  ...codeRequests,
  ...codeAnswers,
} as const;

/** What a party signs of the blocks that it describes, in their order. */
export const blockManifest = z.strictObject({
  blocks: bytes({ max: SCORED_BLOCK_BYTES * limits.blocksPerMessageMax }),
  /** {@link descriptionHash} of each. */
  descriptions: bytes({ max: HASH_BYTES * limits.blocksPerMessageMax }),
  /** {@link passageRoot} of each. */
  passages: bytes({ max: HASH_BYTES * limits.blocksPerMessageMax }),
});

/** What a party signs of the passages that it hands out: which rows of which states of its blocks, without their words. */
export const passageStatement = z.strictObject({
  queryId,
  /** BLAKE2b-256 of the signed query that scored them. */
  queryHash: bytes({ length: 32 }),
  rows: z
    .array(
      z.strictObject({
        block: u32,
        version,
        slot: u32,
        /** {@link passageLeaf}. */
        leaf: bytes({ length: HASH_BYTES }),
        /** {@link passagePath} to the block's root. */
        path: bytes({ max: 16 * HASH_BYTES }).refine((path) => path.length % HASH_BYTES === 0),
      }),
    )
    .max(limits.fetchHandlesMax),
});

/** A passage as it is handed out, with what opens its leaf. */
export const openedPassage = z.strictObject({
  documentId: z.string().max(4096),
  title: z.string().max(65_536),
  text: z.string().max(limits.frameBytesMax),
  ordinal: u32,
  ...locationFields,
  salt: bytes({ length: 32 }),
});

/** What `passages.padded` holds. */
export const passageDelivery = z.strictObject({
  /** Signed {@link passageStatement}. */
  statement: bytes({ max: 65_536 }),
  /** In the order of the statement's rows. */
  passages: z.array(openedPassage).max(limits.fetchHandlesMax),
});

export type HopMessage = {
  [Type in keyof typeof hopMessages]: z.infer<(typeof hopMessages)[Type]>;
}[keyof typeof hopMessages];
export type EndToEndMessage = {
  [Type in keyof typeof endToEndMessages]: z.infer<(typeof endToEndMessages)[Type]>;
}[keyof typeof endToEndMessages];
export type BlockManifest = z.infer<typeof blockManifest>;
export type PassageStatement = z.infer<typeof passageStatement>;
export type OpenedPassage = z.infer<typeof openedPassage>;
export type AnswerBody = z.infer<typeof answerBody>;
export type QueryBody = z.infer<typeof queryBody>;
export type ShareNote = z.infer<typeof shareNote>;

/** Largest encoding and deadline of each message type; a larger one is refused whatever it holds. */
export const messageLimits: {
  readonly [Type in (HopMessage | EndToEndMessage)["type"]]: { readonly bytesMax: number; readonly deadlineMs: number };
} = {
  roster: { bytesMax: 128 * 1024, deadlineMs: limits.handshakeTimeoutMs },
  serve: { bytesMax: 256, deadlineMs: limits.handshakeTimeoutMs },
  query: { bytesMax: limits.frameBytesMax, deadlineMs: limits.queryDeadlineMsMax },
  answer: { bytesMax: limits.frameBytesMax, deadlineMs: limits.queryDeadlineMsMax },
  refusal: { bytesMax: 4096, deadlineMs: limits.queryDeadlineMsMax },
  share: { bytesMax: limits.frameBytesMax, deadlineMs: limits.queryDeadlineMsMax },
  total: { bytesMax: limits.frameBytesMax, deadlineMs: limits.queryDeadlineMsMax },
  cancel: { bytesMax: 256, deadlineMs: limits.queryDeadlineMsMax },
  relay: { bytesMax: limits.frameBytesMax, deadlineMs: limits.queryDeadlineMsMax },
  hangup: { bytesMax: 512, deadlineMs: limits.queryDeadlineMsMax },
  "federation-revision": { bytesMax: 256, deadlineMs: limits.handshakeTimeoutMs },
  federation: { bytesMax: 2 * limits.federationFileMax, deadlineMs: limits.handshakeTimeoutMs },
  join: { bytesMax: 1024, deadlineMs: limits.handshakeTimeoutMs },
  goodbye: { bytesMax: 4096, deadlineMs: limits.handshakeTimeoutMs },
  sync: { bytesMax: 2 * 1024 * 1024, deadlineMs: 60_000 },
  describe: { bytesMax: 2 * 1024 * 1024, deadlineMs: 60_000 },
  blocks: { bytesMax: limits.frameBytesMax, deadlineMs: 60_000 },
  fetch: { bytesMax: 1024, deadlineMs: 30_000 },
  passages: { bytesMax: limits.frameBytesMax, deadlineMs: 30_000 },
  fault: { bytesMax: 4096, deadlineMs: 60_000 },
  ...hostMessageLimits,
  ...routingMessageLimits,
  ...trainingMessageLimits,
  ...alignMessageLimits,
  ...codeMessageLimits,
};
