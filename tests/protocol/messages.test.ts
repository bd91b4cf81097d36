import { describe, expect, test } from "@jest/globals";
import { encode } from "cborg";
import fc from "fast-check";
import type { z } from "zod";
import { Fault } from "../../crypto/index.ts";
import {
  answerBody,
  decodeEndToEndMessage,
  decodeHopMessage,
  decodeValue,
  encodeValue,
  limits,
  messageLimits,
  passageList,
  queryBody,
  scoreList,
} from "../../protocol/index.ts";
import { endToEndMessages, hopMessages } from "../../protocol/messages.ts";

const id16 = new Uint8Array(16).fill(0xab);
const id32 = new Uint8Array(32).fill(0xcd);
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const name = (length: number): string => "n".repeat(length);
const list = <T>(length: number, entry: T): T[] => new Array<T>(length).fill(entry);
const blockEntry = { block: 3, version: id16, occupied: Uint8Array.of(1), hint: zeros(7936) };
const passage = {
  block: 0,
  slot: 5,
  documentId: "report.md",
  title: "A title",
  text: "Some text, ü and 漢.",
  ordinal: 0,
};

type Fields = Readonly<Record<string, unknown>>;

interface Shape {
  readonly decode: (bytes: Uint8Array) => unknown;
  /** At least one; the first has every field as a peer would fill it. */
  readonly valid: readonly Fields[];
  /** Values no receiver may take, by field. */
  readonly bad: Readonly<Record<string, readonly unknown[]>>;
}

const badIds = [zeros(15), zeros(17), "0123456789abcdef", null, list(16, 0)];
const badNames = [
  "",
  "Upper",
  "-dash",
  "a b",
  "../up",
  "a\u0000",
  name(limits.nameLengthMax + 1),
  5,
  null,
  Buffer.from("clinic"),
];
const badCodes = ["", "lower", "A".repeat(65), "1A", "A B", 7];
const badReasons = ["x".repeat(501), 5, null, "\u001b[2J", "two\nlines", "\u202eback"];
const badU32 = [-1, 2 ** 32, 1.5, "1", null];

const hop = (valid: readonly Fields[], bad: Shape["bad"]): Shape => ({ decode: decodeHopMessage, valid, bad });
const endToEnd = (valid: readonly Fields[], bad: Shape["bad"]): Shape => ({
  decode: decodeEndToEndMessage,
  valid,
  bad,
});
const value = (schema: z.ZodType, valid: readonly Fields[], bad: Shape["bad"]): Shape => ({
  decode: (bytes) => decodeValue(schema, bytes),
  valid,
  bad,
});

const query = { type: "query", queryId: id16, deadlineMs: 30_000, parties: ["clinic", "lab-2"], body: zeros(100) };
const refusal = {
  type: "refusal",
  queryId: id16,
  party: "clinic",
  code: "BUSY",
  reason: "x".repeat(500),
  retryAfterMs: 0,
};

/** As many versions as a party may have blocks, and some more. */
const manyVersions = (more: number): Uint8Array => zeros(16 * (limits.blocksPerPartyMax + more));

const shapes: Readonly<Record<string, Shape>> = {
  roster: hop(
    [
      { type: "roster", parties: ["a", name(limits.nameLengthMax)] },
      { type: "roster", parties: [] },
    ],
    {
      parties: [list(limits.membersMax + 1, "a"), ["A"], "a", {}, [1], null],
    },
  ),
  serve: hop([{ type: "serve", encoder: id32 }], { encoder: [zeros(31), zeros(33), "00".repeat(32), null] }),
  query: hop([query, { ...query, parties: [], deadlineMs: limits.queryDeadlineMsMax }], {
    queryId: badIds,
    deadlineMs: [0, -1, limits.queryDeadlineMsMax + 1, 1.5, "1", 2 ** 40],
    parties: [list(limits.membersMax + 1, "a"), [""], null],
    body: ["text", null, []],
  }),
  answer: hop([{ type: "answer", queryId: id16, party: "clinic", body: zeros(9) }], {
    queryId: badIds,
    party: badNames,
    body: ["text", null],
  }),
  refusal: hop([refusal, { ...refusal, retryAfterMs: null }, { ...refusal, retryAfterMs: limits.retryAfterMsMax }], {
    queryId: badIds,
    party: badNames,
    code: badCodes,
    reason: badReasons,
    retryAfterMs: [-1, 0.5, limits.retryAfterMsMax + 1, 2 ** 40, "1", id16],
  }),
  cancel: hop([{ type: "cancel", queryId: id16 }], { queryId: badIds }),
  relay: hop([{ type: "relay", session: id16, peer: "clinic", body: zeros(0) }], {
    session: badIds,
    peer: badNames,
    body: ["text", null],
  }),
  hangup: hop([{ type: "hangup", session: id16, peer: "clinic", code: "CLOSED" }], {
    session: badIds,
    peer: badNames,
    code: badCodes,
  }),
  goodbye: hop([{ type: "goodbye", code: "WRONG_ROLE", reason: "" }], { code: badCodes, reason: badReasons }),
  sync: endToEnd(
    [
      { type: "sync", id: 0, held: zeros(32) },
      { type: "sync", id: 0, held: manyVersions(0) },
    ],
    {
      id: badU32,
      held: [zeros(15), zeros(33), manyVersions(1), "x", null],
    },
  ),
  describe: endToEnd(
    [
      { type: "describe", id: 0, versions: zeros(16) },
      { type: "describe", id: 0, versions: manyVersions(0) },
    ],
    {
      id: badU32,
      versions: [zeros(15), zeros(33), manyVersions(1), "x", null],
    },
  ),
  blocks: endToEnd(
    [
      { type: "blocks", id: 2 ** 32 - 1, last: true, blocks: [blockEntry, { ...blockEntry, hint: zeros(0) }] },
      { type: "blocks", id: 1, last: false, blocks: [] },
    ],
    {
      id: badU32,
      last: [0, "true", null],
      blocks: [
        list(limits.blocksPerMessageMax + 1, { ...blockEntry, hint: zeros(0) }),
        [{ ...blockEntry, block: -1 }],
        [{ ...blockEntry, version: zeros(15) }],
        [{ ...blockEntry, occupied: zeros(257) }],
        [{ ...blockEntry, hint: zeros(65_537) }],
        [{ ...blockEntry, extra: 0 }],
        [{ block: 1 }],
        null,
      ],
    },
  ),
  fetch: endToEnd([{ type: "fetch", id: 7, queryId: id16, handles: zeros(8 * limits.fetchHandlesMax) }], {
    id: badU32,
    queryId: badIds,
    handles: [zeros(8 * limits.fetchHandlesMax - 1), zeros(8 * limits.fetchHandlesMax + 8), zeros(0), null],
  }),
  passages: endToEnd([{ type: "passages", id: 7, padded: zeros(limits.passagePadBytes) }], {
    id: badU32,
    padded: ["x", null],
  }),
  fault: endToEnd([{ type: "fault", id: 7, code: "FETCH_EXPIRED", reason: "gone" }], {
    id: badU32,
    code: badCodes,
    reason: badReasons,
  }),
  queryBody: value(queryBody, [{ queryId: id16, issuedAtMs: 1_700_000_000_000, answerKey: id32, query: zeros(7936) }], {
    queryId: badIds,
    issuedAtMs: [-1, 0.5, "now", null, 2 ** 53],
    answerKey: [zeros(31), zeros(33), "x", null],
    query: ["x", null, [1]],
  }),
  answerBody: value(answerBody, [{ queryId: id16, queryHash: id32, sealed: zeros(100) }], {
    queryId: badIds,
    queryHash: [zeros(31), zeros(33), "x"],
    sealed: ["x", null, [1]],
  }),
  scoreList: value(
    scoreList,
    [
      { blocks: zeros(40), scores: zeros(112) },
      { blocks: zeros(0), scores: zeros(0) },
      { blocks: zeros(20 * limits.blocksPerPartyMax), scores: zeros(0) },
    ],
    {
      blocks: [zeros(1), zeros(19), zeros(21), zeros(20 * (limits.blocksPerPartyMax + 1)), [[0, id16]], null, "x"],
      scores: ["x", null],
    },
  ),
};

/** `passageList` is a list; its rows are listed apart. */
const passages = value(passageList, [], {});

test("every message type of the protocol has its examples here", () => {
  const named = Object.keys(shapes).filter((shape) => shape in messageLimits);
  expect(named.sort()).toEqual([...Object.keys(hopMessages), ...Object.keys(endToEndMessages)].sort());
  expect(Object.keys(messageLimits).sort()).toEqual(named);
});

/** The fault a decoder throws; anything else it throws fails the test, and so does success. */
function faultOf(decode: Shape["decode"], bytes: Uint8Array): Fault {
  try {
    decode(bytes);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("was accepted");
}

const without = (fields: Fields, left: string): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([field]) => field !== left));

describe.each(Object.entries(shapes))("%s", (_shape, { decode, valid, bad }) => {
  const example = valid[0] ?? {};

  test("valid ones come through as they are", () => {
    expect(valid.length).toBeGreaterThan(0);
    for (const fields of valid) expect(decode(encodeValue(fields))).toEqual(fields);
  });

  test("every field must be there, and no other", () => {
    for (const field of Object.keys(example)) {
      expect([field, faultOf(decode, encode(without(example, field))).code]).toEqual([
        field,
        field === "type" ? "MESSAGE_UNKNOWN" : "MESSAGE_INVALID",
      ]);
    }
    for (const extra of ["extra", "constructor", "toString", "__proto__"]) {
      const fields = Object.defineProperty({ ...example }, extra, { value: 1, enumerable: true });
      expect([extra, faultOf(decode, encode(fields)).code]).toEqual([extra, "MESSAGE_INVALID"]);
    }
  });

  test("every field has rows of bad values, and each is refused", () => {
    expect(Object.keys(bad).sort()).toEqual(Object.keys(without(example, "type")).sort());
    for (const [field, values] of Object.entries(bad)) {
      for (const [row, wrong] of values.entries()) {
        expect([field, row, faultOf(decode, encode({ ...example, [field]: wrong })).code]).toEqual([
          field,
          row,
          "MESSAGE_INVALID",
        ]);
      }
      expect([field, faultOf(decode, encode({ ...example, [field]: Number.NaN })).code]).toEqual([
        field,
        "FRAME_MALFORMED",
      ]);
      expect([field, faultOf(decode, encode({ ...example, [field]: undefined })).code]).toEqual([
        field,
        "FRAME_MALFORMED",
      ]);
    }
  });

  test("cut anywhere or followed by anything, it is refused", () => {
    const bytes = encodeValue(example);
    const step = Math.max(1, Math.floor(bytes.length / 200));
    for (let end = 0; end < bytes.length; end += step)
      expect(["FRAME_MALFORMED"]).toContain(faultOf(decode, bytes.subarray(0, end)).code);
    expect(faultOf(decode, new Uint8Array([...bytes, 0])).code).toBe("FRAME_MALFORMED");
  });

  test("with any one byte changed it is refused or still fits; nothing else is thrown", () => {
    const bytes = encodeValue(example);
    for (let at = 0; at < Math.min(bytes.length, 300); at++) {
      for (const bit of [1, 0x20, 0x80]) {
        try {
          decode(bytes.map((byte, i) => (i === at ? byte ^ bit : byte)));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }
    }
  });
});

describe("passageList", () => {
  test("a full list comes through as it is", () => {
    const full = list(limits.fetchHandlesMax, passage);
    expect(passages.decode(encodeValue(full))).toEqual(full);
    expect(passages.decode(encodeValue([]))).toEqual([]);
  });

  test.each([
    { id: "one passage too many", bytes: encodeValue(list(limits.fetchHandlesMax + 1, passage)) },
    { id: "no list", bytes: encodeValue(passage) },
    ...Object.keys(passage).map((field) => ({ id: `no ${field}`, bytes: encodeValue([without(passage, field)]) })),
    { id: "an extra field", bytes: encodeValue([{ ...passage, score: 1 }]) },
    { id: "a slot that is no integer", bytes: encodeValue([{ ...passage, slot: 0.5 }]) },
    { id: "a text of bytes", bytes: encodeValue([{ ...passage, text: zeros(4) }]) },
    { id: "a document id too long", bytes: encodeValue([{ ...passage, documentId: "x".repeat(4097) }]) },
    { id: "a title too long", bytes: encodeValue([{ ...passage, title: "x".repeat(65_537) }]) },
    { id: "a negative ordinal", bytes: encodeValue([{ ...passage, ordinal: -1 }]) },
  ])("$id is refused", ({ bytes }) => {
    expect(faultOf(passages.decode, bytes).code).toBe("MESSAGE_INVALID");
  });
});

const bytesOf = (hexText: string): Uint8Array => new Uint8Array(Buffer.from(hexText.replaceAll(" ", ""), "hex"));
const textHex = (text: string): string => (0x60 + text.length).toString(16) + Buffer.from(text).toString("hex");

/** CBOR that no decoder may take, whatever message it claims to be. */
const hostile: readonly { id: string; bytes: Uint8Array; fault: string }[] = [
  { id: "nothing", bytes: zeros(0), fault: "FRAME_MALFORMED" },
  { id: "an unknown type", bytes: encodeValue({ type: "teleport" }), fault: "MESSAGE_UNKNOWN" },
  { id: "a type that every object has", bytes: encodeValue({ type: "constructor" }), fault: "MESSAGE_UNKNOWN" },
  { id: "the type __proto__", bytes: encodeValue({ type: "__proto__" }), fault: "MESSAGE_UNKNOWN" },
  { id: "a type that is a number", bytes: encodeValue({ type: 1 }), fault: "MESSAGE_UNKNOWN" },
  { id: "a type that is bytes", bytes: encodeValue({ type: Buffer.from("cancel") }), fault: "MESSAGE_UNKNOWN" },
  { id: "a list", bytes: encodeValue(["cancel"]), fault: "MESSAGE_UNKNOWN" },
  { id: "a text", bytes: encodeValue("cancel"), fault: "MESSAGE_UNKNOWN" },
  { id: "null", bytes: bytesOf("f6"), fault: "MESSAGE_UNKNOWN" },
  { id: "undefined", bytes: bytesOf("f7"), fault: "FRAME_MALFORMED" },
  { id: "NaN", bytes: bytesOf("f97e00"), fault: "FRAME_MALFORMED" },
  { id: "infinity", bytes: bytesOf("f97c00"), fault: "FRAME_MALFORMED" },
  {
    id: "a map of indefinite length",
    bytes: bytesOf(`bf ${textHex("type")} ${textHex("cancel")} ff`),
    fault: "FRAME_MALFORMED",
  },
  { id: "a list of indefinite length", bytes: bytesOf("9fff"), fault: "FRAME_MALFORMED" },
  { id: "bytes of indefinite length", bytes: bytesOf("5f 41 00 ff"), fault: "FRAME_MALFORMED" },
  { id: "a stray break", bytes: bytesOf("ff"), fault: "FRAME_MALFORMED" },
  {
    id: "a key twice",
    bytes: bytesOf(`a2 ${textHex("type")} ${textHex("cancel")} ${textHex("type")} ${textHex("serve")}`),
    fault: "FRAME_MALFORMED",
  },
  { id: "a key that is a number", bytes: bytesOf("a1 01 02"), fault: "FRAME_MALFORMED" },
  {
    id: "a __proto__ key",
    bytes: bytesOf(`a2 ${textHex("__proto__")} a1 ${textHex("type")} ${textHex("cancel")} ${textHex("q")} 00`),
    fault: "MESSAGE_UNKNOWN",
  },
  {
    id: "a length in more bytes than it needs",
    bytes: bytesOf(`b9 0001 ${textHex("type")} ${textHex("cancel")}`),
    fault: "FRAME_MALFORMED",
  },
  { id: "4 GiB of bytes declared in five", bytes: bytesOf("5affffffff"), fault: "FRAME_MALFORMED" },
  { id: "2^64 - 1 entries declared in nine bytes", bytes: bytesOf("9bffffffffffffffff"), fault: "FRAME_MALFORMED" },
  { id: "4 Gi entries declared in five bytes", bytes: bytesOf("9affffffff"), fault: "FRAME_MALFORMED" },
  { id: "a map of 4 Gi entries declared in five bytes", bytes: bytesOf("baffffffff"), fault: "FRAME_MALFORMED" },
  { id: "lists a hundred thousand deep", bytes: zeros(100_000).fill(0x81), fault: "FRAME_MALFORMED" },
  {
    id: "maps a hundred thousand deep",
    bytes: new Uint8Array(Buffer.from(`a1${textHex("a")}`.repeat(100_000), "hex")),
    fault: "FRAME_MALFORMED",
  },
  { id: "tags a hundred thousand deep", bytes: zeros(100_000).fill(0xc1), fault: "FRAME_MALFORMED" },
  { id: "a tag", bytes: bytesOf("c0 61 61"), fault: "FRAME_MALFORMED" },
  { id: "a big integer", bytes: bytesOf("1bffffffffffffffff"), fault: "FRAME_MALFORMED" },
  { id: "a reserved length", bytes: bytesOf("1c"), fault: "FRAME_MALFORMED" },
  {
    id: "sixteen million empty maps",
    bytes: new Uint8Array(Buffer.concat([bytesOf("9a00ffffff"), zeros(0xffffff).fill(0xa0)])),
    fault: "FRAME_TOO_LARGE",
  },
  { id: "JSON", bytes: Buffer.from('{"type":"cancel"}'), fault: "FRAME_MALFORMED" },
];

describe.each([
  { layer: "hop", decode: decodeHopMessage },
  { layer: "end to end", decode: decodeEndToEndMessage },
])("$layer", ({ decode }) => {
  test.each(hostile)("$id is refused", ({ bytes, fault }) => {
    expect(faultOf(decode, bytes).code).toBe(fault);
  });

  test("random bytes cause a fault and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        faultOf(decode, bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("random CBOR with a known type causes a fault and nothing else", () => {
    const types = [...Object.keys(hopMessages), ...Object.keys(endToEndMessages)];
    const field = fc.constantFrom(
      "id",
      "body",
      "queryId",
      "parties",
      "blocks",
      "session",
      "peer",
      "code",
      "__proto__",
      "x",
    );
    const junk = fc.oneof(
      fc.integer(),
      fc.string(),
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(null),
      fc.boolean(),
      fc.array(fc.integer()),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.dictionary(field, junk), (type, fields) => {
        try {
          decode(encode({ ...fields, type }));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test("a message of one layer is unknown on the other", () => {
  for (const [shape, { decode, valid }] of Object.entries(shapes)) {
    const other =
      decode === decodeHopMessage ? decodeEndToEndMessage : decode === decodeEndToEndMessage ? decodeHopMessage : null;
    if (other) expect([shape, faultOf(other, encodeValue(valid[0])).code]).toEqual([shape, "MESSAGE_UNKNOWN"]);
  }
});

test("each type has its own size limit", () => {
  const small = Object.entries(messageLimits).filter(([, { bytesMax }]) => bytesMax < limits.frameBytesMax);
  expect(small.length).toBeGreaterThan(6);
  for (const [type, { bytesMax }] of small) {
    const decode = type in hopMessages ? decodeHopMessage : decodeEndToEndMessage;
    const frame = (padding: number): Uint8Array => encodeValue({ type, padding: zeros(padding) });
    const full = list(40, 0)
      .map((_, around) => frame(bytesMax - around))
      .find(({ length }) => length === bytesMax);
    expect([type, faultOf(decode, full ?? zeros(0)).code]).toEqual([type, "MESSAGE_INVALID"]);
    expect([type, faultOf(decode, frame(bytesMax)).code]).toEqual([type, "FRAME_TOO_LARGE"]);
  }
});

test("a fault never holds what was sent", () => {
  const secret = "swordfish";
  const rows: readonly [Shape["decode"], Uint8Array][] = [
    [decodeHopMessage, encode({ type: secret })],
    [decodeHopMessage, encode({ type: "cancel", queryId: secret })],
    [decodeHopMessage, encode({ type: "cancel", queryId: id16, [secret]: 1 })],
    [decodeHopMessage, encode({ type: "roster", parties: [secret, secret.toUpperCase()] })],
    [decodeHopMessage, encode({ type: "goodbye", code: secret, reason: secret })],
    [decodeHopMessage, bytesOf(`a2 ${textHex(secret)} 01 ${textHex(secret)} 02`)],
    [passages.decode, encode([{ ...passage, text: [secret] }])],
    [passages.decode, encode([{ ...passage, [secret]: secret }])],
  ];
  for (const [decode, bytes] of rows) expect(faultOf(decode, bytes).message.toLowerCase()).not.toContain(secret);
});
