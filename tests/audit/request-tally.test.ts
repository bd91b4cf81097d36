import { describe, expect, test } from "@jest/globals";
import { CarriedTally, type AuditEvent } from "../../operation/audit/index.ts";
import { auditEvent } from "../../operation/audit/events.ts";
import { RequestTally } from "../../party-node/serving/request-tally.ts";
import { Fault } from "../../crypto/index.ts";
import {
  type EndToEndMessage,
  alignRequests,
  codeRequests,
  hostRequests,
  packSealedRows,
  routingRequests,
} from "../../protocol/index.ts";

const collection = new Uint8Array(16).fill(0xab);
const hex = "ab".repeat(16);
const bytes = new Uint8Array(8);
const rows = packSealedRows(
  [{ rowId: new Uint8Array(16), version: 1, vector: new Float32Array(2), passage: bytes }],
  2,
  512,
);
const answer: EndToEndMessage = { type: "host-done", id: 1 };
const pageOf = (packed: Uint8Array): EndToEndMessage => ({
  type: "host-rows",
  id: 1,
  last: true,
  rows: packed,
  revision: 1,
  header: new Uint8Array(0),
});

const hosted = (act: string, counts: { rows: number; bytes: number }, of: string | null = hex) => ({
  kind: "hosted",
  act,
  collection: of,
  ...counts,
});
/** Request, the messages that answer it (100 bytes each), and what is said of it. */
const cases: readonly (readonly [object, readonly EndToEndMessage[], object])[] = [
  [{ type: "sync", held: bytes }, [answer], { kind: "hints-given", blocks: 0, bytes: 100 }],
  [{ type: "describe", versions: bytes }, [answer, answer], { kind: "hints-given", blocks: 0, bytes: 200 }],
  [{ type: "fetch", queryId: bytes, handles: bytes }, [answer], { kind: "fetch-delivered", passages: 0, bytes: 100 }],
  [{ type: "route-summary", known: bytes }, [answer], { kind: "summary-shown", bytes: 100 }],
  [{ type: "codes-read", entities: ["Ada", "Bob"] }, [answer], { kind: "codes-asked", entities: 2, bytes: 100 }],
  [{ type: "align-begin", alignment: bytes }, [answer], { kind: "alignment", act: "begin", ids: 0 }],
  [{ type: "align-blind", from: 40, count: 30 }, [answer], { kind: "alignment", act: "blind", ids: 30 }],
  [{ type: "align-raise", points: new Uint8Array(64) }, [answer], { kind: "alignment", act: "raise", ids: 2 }],
  [{ type: "align-keep", positions: new Uint8Array(12) }, [answer], { kind: "alignment", act: "keep", ids: 3 }],
  [{ type: "sync", held: bytes, collection }, [answer], hosted("hints", { rows: 0, bytes: 100 })],
  [{ type: "host-list" }, [answer], hosted("list", { rows: 0, bytes: 100 }, null)],
  [{ type: "host-create", collection }, [answer], hosted("create", { rows: 0, bytes: 100 })],
  [{ type: "host-describe", collection }, [answer], hosted("describe", { rows: 0, bytes: 100 })],
  [{ type: "host-open", collection }, [answer], hosted("open", { rows: 0, bytes: 100 })],
  [{ type: "host-put", collection, rows }, [answer], hosted("put", { rows: 1, bytes: 512 })],
  [{ type: "host-remove", collection, rowIds: new Uint8Array(48) }, [answer], hosted("remove", { rows: 3, bytes: 48 })],
  [{ type: "host-erase", collection }, [answer], hosted("erase", { rows: 0, bytes: 100 })],
  [{ type: "host-versions", collection }, [answer], hosted("versions", { rows: 0, bytes: 100 })],
  [{ type: "host-read", collection }, [pageOf(rows), pageOf(rows)], hosted("read", { rows: 2, bytes: 200 })],
  [{ type: "host-search", collection, vector: bytes }, [pageOf(rows)], hosted("search", { rows: 1, bytes: 100 })],
  [{ type: "host-score", collection, query: bytes }, [answer], hosted("score", { rows: 0, bytes: 100 })],
  [{ type: "host-fetch", collection, handles: bytes }, [pageOf(rows)], hosted("fetch", { rows: 1, bytes: 100 })],
];
const tallyOf = (request: object): RequestTally => new RequestTally("asker", { id: 1, ...request } as EndToEndMessage);

describe("what is said of a request", () => {
  test.each(cases)("%j", (request, answers, expected) => {
    const tally = tallyOf(request);
    for (const message of answers) tally.answered(message, 100);
    const event = tally.event();
    expect(event).toEqual({ member: "asker", ...expected });
    expect(auditEvent.parse(event)).toEqual(event);
  });

  test("there is something of every request that a node answers", () => {
    const all = [hostRequests, alignRequests, codeRequests, routingRequests].flatMap((group) => Object.keys(group));
    const tested = cases.map(([request]) => (request as EndToEndMessage).type);
    expect(all.filter((type) => !tested.includes(type as EndToEndMessage["type"]))).toEqual([]);
  });

  test("passages count once they are on their way", () => {
    const tally = tallyOf({ type: "fetch" });
    tally.expectPassages(5);
    expect(tally.event()).toMatchObject({ passages: 0 });
    tally.answered({ type: "passages", id: 1, padded: bytes }, 32_768);
    expect(tally.event()).toMatchObject({ passages: 5, bytes: 32_768 });
  });

  test("a refusal is one, whether it was said or ended the session; nobody's words are in it", () => {
    const refused = { kind: "request-refused", member: "asker", request: "codes-read" };
    const said = tallyOf({ type: "codes-read", entities: ["Ada"] });
    said.answered({ type: "fault", id: 1, code: "NOT_CODE_READER", reason: "Ada" }, 50);
    expect(said.event()).toEqual({ ...refused, code: "NOT_CODE_READER" });
    for (const [error, code] of [
      [new Fault("LIMIT_EXCEEDED", "Ada"), "LIMIT_EXCEEDED"],
      [new Error("Ada"), "INTERNAL"],
    ] as const) {
      const ended = tallyOf({ type: "codes-read", entities: ["Ada"] });
      ended.failed(error);
      expect(ended.event()).toEqual({ ...refused, code });
    }
  });
});

test("a coordinator's sums go by member and start again when they were told", () => {
  const told: AuditEvent[] = [];
  const tally = new CarriedTally((event) => told.push(event), 1e6);
  const frame = (direction: "in" | "out", peer: string, type: string, size: number): void =>
    tally.observer({
      direction,
      peer,
      type,
      bytes: size,
      message: { type: "cancel", queryId: bytes.slice(0, 16) },
      payload: bytes,
    });
  frame("in", "asker", "query", 1000);
  frame("out", "alpha", "query", 1000);
  frame("in", "alpha", "answer", 300);
  frame("in", "beta", "refusal", 50);
  frame("in", "asker", "relay", 70);
  frame("in", "asker", "serve", 7);
  frame("out", "asker", "total", 11);
  for (let i = 0; i < 3; i++) tally.sink({ kind: "strangers-refused", connections: 1 });
  tally.sink({ kind: "member-connected", member: "asker" });
  tally.tell();
  const none = { queries: 0, answers: 0, refusals: 0, relayed: 0, bytesIn: 0, bytesOut: 0 };
  expect(told).toEqual([
    { kind: "member-connected", member: "asker" },
    { ...none, kind: "carried", member: "asker", queries: 1, relayed: 1, bytesIn: 1070, bytesOut: 11 },
    { ...none, kind: "carried", member: "alpha", answers: 1, bytesIn: 300, bytesOut: 1000 },
    { ...none, kind: "carried", member: "beta", refusals: 1, bytesIn: 50 },
    { kind: "strangers-refused", connections: 3 },
  ]);
  tally.close();
  expect(told).toHaveLength(5);
});
