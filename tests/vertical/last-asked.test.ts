import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { sodium } from "../../crypto/index.ts";
import { Collection } from "../../party-node/serving/collection.ts";
import { QueryService } from "../../party-node/serving/query-service.ts";
import { LastAsked, ShareMaker } from "../../party-node/vertical/index.ts";
import { seal } from "../../protocol/index.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

test("a query is not answered again by a party that was started again: its masks would be used twice", async () => {
  const text = { e0: "one text" };
  await using f = await TestFederation.start({ corpora: { texts: text, titles: text }, alignment: ["e0"] });
  const { identity } = f.party("texts");
  const { federation } = f;
  const store = f.party("texts").openStore();
  const collection = new Collection(store, f.party("texts").makeIndex(), () => performance.now());
  await collection.refresh();
  const started = (): QueryService =>
    new QueryService({
      identity,
      federation,
      collection,
      shares: new ShareMaker({ identity, federation, store }),
      lastAsked: new LastAsked(join(folder.path, "answered.json")),
      now: () => performance.now(),
      wallClock: Date.now,
    });
  const issuedAtMs = Date.now();
  const query = (at: number) => {
    const queryId = sodium.randombytes_buf(16);
    const box = sodium.crypto_box_seal(
      new Uint8Array(32),
      sodium.crypto_sign_ed25519_pk_to_curve25519(federation.publicKeyOf("texts")!),
    );
    const signed = {
      queryId,
      issuedAtMs: at,
      answerKey: sodium.crypto_box_keypair().publicKey,
      query: new Uint8Array(f.layout.queryBytes),
      checkKeys: Uint8Array.from([...box, ...box]),
    };
    const body = seal("query", federation.id, signed, f.identity("asker"));
    return { type: "query" as const, queryId, deadlineMs: 9000, parties: [], body };
  };
  // Signed ahead of the party's clock, as whoever plans this would.
  const asked = query(issuedAtMs + 60_000);
  const before = started();
  expect(await before.answer(asked)).toMatchObject({ type: "share" });
  expect(await before.answer(query(issuedAtMs))).toMatchObject({ type: "share" });
  const after = started();
  expect(await after.answer(asked)).toMatchObject({ type: "refusal", code: "QUERY_REPEATED" });
  expect(await after.answer(query(issuedAtMs + 60_001))).toMatchObject({ type: "share" });
  store.close();
});

test("a damaged file of what was answered is refused", () => {
  const path = join(folder.path, "damaged.json");
  writeFileSync(path, "{");
  expect(() => new LastAsked(path)).toThrow(expect.objectContaining({ code: "ANSWERED_MALFORMED" }));
});
