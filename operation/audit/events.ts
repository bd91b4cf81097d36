import { z } from "zod";
import { memberName } from "../../protocol/index.ts";

const count = z.int().min(0);
const member = memberName;
/** A fault's code. */
const code = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/);
/** 32 bytes in base64. */
const base64Of32 = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const collection = z.string().regex(/^[0-9a-f]{32}$/);

const ownersActs = ["create", "describe", "put", "remove", "erase", "versions"] as const;
const readersActs = ["list", "open", "hints", "search", "score", "fetch", "read"] as const;

/** What a party's node writes. */
const partyEvents = [
  z.strictObject({ kind: z.literal("session-opened"), member }),
  z.strictObject({ kind: z.literal("hints-given"), member, blocks: count, bytes: count }),
  /** `ms` from the query's arrival to its scores, the wait for its turn among them. */
  z.strictObject({ kind: z.literal("query-answered"), member, passages: count, bytes: count, ms: count }),
  /** `member` is null where the query was signed by nobody who may ask. */
  z.strictObject({ kind: z.literal("query-refused"), member: member.nullable(), code }),
  z.strictObject({ kind: z.literal("fetch-delivered"), member, passages: count, bytes: count }),
  /** Who may ask was changed; `members` is how many have a right of their own. */
  z.strictObject({ kind: z.literal("rights-taken"), members: count }),
  z.strictObject({ kind: z.literal("summary-shown"), member, bytes: count }),
  z.strictObject({ kind: z.literal("codes-asked"), member, entities: count, bytes: count }),
  /** One page of an alignment, or its end; `ids` is how many of this party's went out blinded, were raised for others, or are common. */
  z.strictObject({
    kind: z.literal("alignment"),
    member,
    act: z.enum(["begin", "blind", "raise", "keep"]),
    ids: count,
  }),
  /** A collection kept for others: `rows` that came in or went out. */
  z.strictObject({
    kind: z.literal("hosted"),
    member,
    act: z.enum([...ownersActs, ...readersActs]),
    collection: collection.nullable(),
    rows: count,
    bytes: count,
  }),
  /** A request in a session that was refused; `request` is the message's type. */
  z.strictObject({
    kind: z.literal("request-refused"),
    member,
    request: z.string().regex(/^[a-z-]{1,32}$/),
    code,
  }),
] as const;

/** What a coordinator writes. */
const coordinatorEvents = [
  z.strictObject({ kind: z.literal("member-connected"), member }),
  z.strictObject({ kind: z.literal("member-left"), member, code }),
  z.strictObject({ kind: z.literal("member-expelled"), member, code }),
  z.strictObject({ kind: z.literal("party-serving"), member }),
  /** Sockets whose owner did not show to be a member. */
  z.strictObject({ kind: z.literal("strangers-refused"), connections: count }),
  /** What one member has sent and been sent in about a minute. */
  z.strictObject({
    kind: z.literal("carried"),
    member,
    queries: count,
    answers: count,
    refusals: count,
    relayed: count,
    bytesIn: count,
    bytesOut: count,
  }),
] as const;

/** What both write. */
const processEvents = [
  z.strictObject({ kind: z.literal("started"), role: z.enum(["party", "coordinator"]) }),
  z.strictObject({ kind: z.literal("stopped") }),
  z.strictObject({ kind: z.literal("federation-taken"), revision: count, members: count }),
] as const;

/**
 * Everything that can happen at a node and is worth an account. There is no field that could hold a question, a score, a text, a vector, a document's id
 * or the number of a row: names of members, codes of faults and numbers of things are all there is.
 */
export const auditEvent = z.discriminatedUnion("kind", [...processEvents, ...partyEvents, ...coordinatorEvents]);
export type AuditEvent = z.infer<typeof auditEvent>;

/** Takes what happens, at once and without waiting for anything. */
export type AuditSink = (event: AuditEvent) => void;

/** What the log says of itself. */
export const logRecord = z.discriminatedUnion("kind", [
  /** Every file's first entry: whose log it is and with which key the file is signed. */
  z.strictObject({
    kind: z.literal("file"),
    version: z.literal(1),
    number: z.int().min(1),
    member,
    federation: base64Of32,
    key: base64Of32,
  }),
  /** Ed25519 of this entry's sequence, time and `previous`, and so of everything before it. */
  z.strictObject({ kind: z.literal("signed"), signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/) }),
  /** A crash had left this many bytes that were not signed yet. */
  z.strictObject({ kind: z.literal("tail-cut"), bytes: count }),
  /** The log was larger than it may be: it begins with this entry now. */
  z.strictObject({ kind: z.literal("oldest-removed"), begins: count }),
]);
export type LogRecord = z.infer<typeof logRecord>;

/** An entry's place in the chain. */
export const entryFrame = z.strictObject({
  /** 1, 2, 3, ... over all files. */
  sequence: z.int().min(1),
  time: z.iso.datetime({ precision: 3 }),
  /** BLAKE2b-256 of the line before, in hex; 64 zeros at the first. */
  previous: z.string().regex(/^[0-9a-f]{64}$/),
});
export type EntryFrame = z.infer<typeof entryFrame>;

export type AuditEntry = EntryFrame & (AuditEvent | LogRecord);
