import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { RlweAsker } from "../../crypto/secret/index.ts";
import { Question } from "../../party-node/asking/question.ts";
import type { QueryResult } from "../../party-node/asking/result.ts";
import { CoordinatorLink } from "../../party-node/link/coordinator-link.ts";
import { PartySession } from "../../party-node/asking/party-session.ts";
import type { SeenFrame } from "../../protocol/index.ts";
import { PASSAGE_LENGTH_MAX } from "../../party-node/documents/split.ts";
import { type Corpus, TestFederation, until } from "../support/federation.ts";
import { corpus } from "./corpora.ts";

/*
 * What the coordinator sees of a question must not depend on the question: with only the question changed, the same messages of the same sizes go
 * to and come from the same peers in the same order. Times are not compared.
 */

const marker = "xylophone quartz";
const corpora = {
  alpha: { ...corpus("alpha", 60), secret: "the quick brown fox jumps over the lazy dog" },
  beta: { ...corpus("beta", 35), secret: `${marker} ${"a rather long passage which nobody else holds. ".repeat(12)}` },
  gamma: { ...corpus("gamma", 5), secret: "0123456789 0123456789 0123456789" },
};
/** Of other lengths, in other scripts, with their best passages at other parties. */
const questions = {
  "the quick brown fox": "alpha",
  [`${marker} ${"a rather long passage which nobody else holds. ".repeat(5)}`]: "beta",
  "0123456789 0123456789": "gamma",
  "漢字かな交じり文 and then what is to be done about it, seeing that nobody has written anything of the kind": null,
  ["zyx ".repeat(3000)]: null,
} satisfies Record<string, string | null>;

let f: TestFederation;
let frames: SeenFrame[] = [];
beforeAll(async () => {
  f = await TestFederation.start({
    corpora,
    observer: (frame) => {
      frames.push({ ...frame, payload: frame.payload.slice() });
    },
  });
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

/** Direction, type and size of every message, by peer, in order; and the order between the peers as far as the protocol fixes it. */
function shape(seen: readonly SeenFrame[]): Record<string, string[]> {
  const peers = [...new Set(seen.map(({ peer }) => peer))].sort();
  return Object.fromEntries(
    peers.map((peer) => [
      peer,
      seen
        .filter((frame) => frame.peer === peer)
        .map(({ direction, type, bytes }) => `${direction} ${type} ${String(bytes)}`),
    ]),
  );
}

/** As {@link shape} with the messages of each peer and direction sorted: parties answer the querier at their own pace. */
const ordered = (seen: readonly SeenFrame[]): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(shape(seen)).map(([peer, lines]) => [peer, peer === "asker" ? lines.toSorted() : lines]),
  );

/** What a whole run of a fresh client looks like, from its connecting to its leaving. */
async function record(question: string): Promise<{ seen: SeenFrame[]; result: QueryResult }> {
  frames = [];
  const client = await f.client();
  const result = await client.query(question).result;
  client.close();
  await until(() => frames.filter(({ type, direction }) => type === "hangup" && direction === "out").length === 3);
  return { seen: frames, result };
}

test("five questions of other lengths, answered by other parties, look the same to the coordinator", async () => {
  const runs = [];
  for (const [question, winner] of Object.entries(questions)) {
    const run = await record(question);
    if (winner !== null) expect(run.result.passages[0]).toMatchObject({ party: winner, documentId: "secret" });
    runs.push({ question, ...run });
  }
  expect(new Set(runs.map(({ result }) => result.passages[0]?.party)).size).toBe(3);
  const [first] = runs;
  expect(Object.keys(shape(first?.seen ?? []))).toEqual(["alpha", "asker", "beta", "gamma"]);
  expect(first?.seen.length).toBeGreaterThan(30);
  for (const { seen } of runs) expect(ordered(seen)).toEqual(ordered(first?.seen ?? []));
});

test("questions one after the other on one connection, too", async () => {
  const client = await f.client();
  const shapes: unknown[] = [];
  for (const question of Object.keys(questions)) {
    frames = [];
    await client.query(question).result;
    shapes.push(ordered(frames));
  }
  for (const each of shapes) expect(each).toEqual(shapes[0]);
});

test("passages of the greatest length, in any script, still look the same at the default k", async () => {
  // Three bytes a letter; what is fetched must fit one unit of padding, or the holder's reply would be longer than the others'.
  const long = (letter: string): Corpus =>
    Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [
        `${letter}${String(i)}`,
        `${letter}${String(i)} `.repeat(400).slice(0, PASSAGE_LENGTH_MAX - 1),
      ]),
    );
  let sizes: string[] = [];
  await using own = await TestFederation.start({
    corpora: { alpha: long("漢字"), beta: long("かな") },
    observer: ({ peer, direction, type, bytes }) => {
      sizes.push(`${peer} ${direction} ${type} ${String(bytes)}`);
    },
  });
  const client = await own.client();
  const seen: string[][] = [];
  for (const [question, winner] of [
    ["漢字 漢字", "alpha"],
    ["かな かな", "beta"],
  ] as const) {
    sizes = [];
    const { passages } = await client.query(question).result;
    expect(passages.map(({ party }) => party)).toEqual(Array.from({ length: 5 }, () => winner));
    seen.push(sizes.toSorted());
  }
  expect(seen[1]).toEqual(seen[0]);
});

test("what is downloaded after the documents changed does not depend on the question", async () => {
  let seen: SeenFrame[] = [];
  const before = corpus("alpha", 100);
  await using own = await TestFederation.start({
    corpora: { alpha: before, beta: corpus("beta", 40) },
    observer: (frame) => {
      seen.push(frame);
    },
  });
  const clients = [await own.client(), await own.client()];
  const added = { one: "the quick brown fox", two: "0123456789", three: "zyx wvu tsr" };
  await own.party("alpha").ingest({ ...before, ...added });
  const probe = await own.client();
  for (let there = false; !there;)
    there = (await probe.query("0123456789", { k: 1 }).result).passages[0]?.documentId === "two";
  const shapes: Record<string, string[]>[] = [];
  for (const [i, question] of ["the quick brown fox", "beta and nothing else"].entries()) {
    seen = [];
    const { passages } = await clients[i]!.query(question, { k: 1 }).result;
    expect(passages[0]?.party).toBe(i === 0 ? "alpha" : "beta");
    shapes.push(ordered(seen));
  }
  expect(shapes[1]).toEqual(shapes[0]);
  const relayed = shapes[0]?.["alpha"]?.filter((line) => line.startsWith("in relay")) ?? [];
  expect(relayed).toHaveLength(2);
  expect(Number(relayed[0]?.split(" ")[2])).toBeGreaterThan(own.layout.hintBytes);
});

test("nothing that can be read goes through the coordinator", async () => {
  for (const question of Object.keys(questions)) {
    const embedding = await f.encoder.encodeQuery(question);
    const { seen, result } = await record(question);
    expect(result.passages).toHaveLength(5);
    const everything = Buffer.concat(seen.map(({ payload }) => payload));
    expect(everything.length).toBeGreaterThan(100_000);
    const secrets = [
      question,
      ...question.split(/\s+/).filter((part) => part.length > 5),
      ...result.passages.flatMap(({ text, documentId }) => [text, text.slice(0, 12), documentId]),
    ];
    for (const secret of secrets) expect(everything.includes(secret)).toBe(false);
    const embeddingBytes = Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
    expect(everything.includes(embeddingBytes)).toBe(false);
    // No three neighbouring entries of it either, in float32 or as the scheme's integers.
    const scaled = Int32Array.from(embedding, (entry) => Math.round(entry * f.layout.queryScale));
    for (let at = 0; at + 3 <= embedding.length; at++) {
      for (const entries of [embedding.subarray(at, at + 3), scaled.subarray(at, at + 3)]) {
        if (entries.every((entry) => entry !== 0))
          expect(everything.includes(Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength))).toBe(false);
      }
    }
  }
});

test("nothing of the parties' blocks goes through the coordinator, for with the query's bytes it would tell of the data", async () => {
  const store = f.party("alpha").openStore();
  const index = f.party("alpha").makeIndex();
  const { seen } = await record("the quick brown fox");
  const everything = Buffer.concat(seen.map(({ payload }) => payload));
  for (const block of store.blockRevisions().keys()) {
    await index.stage(block, store.vectorsOfBlock(block));
    index.commit();
    const { version, hint } = index.describe(block) ?? { version: "", hint: new Uint8Array(0) };
    expect(hint).toHaveLength(f.layout.hintBytes);
    expect(everything.includes(Buffer.from(version, "hex"))).toBe(false);
    expect(everything.includes(Buffer.from(hint.subarray(100, 116)))).toBe(false);
  }
  store.close();
});

describe("this test can fail:", () => {
  /** A querier made of the client's own parts that fetches from these parties only. */
  async function ask(question: string, fetchFrom: readonly string[]): Promise<unknown> {
    const { federation, layout } = f;
    const identity = f.identity("asker");
    const link = new CoordinatorLink({ urls: [f.url], identity, federation });
    await link.open();
    const sessions = new Map<string, Promise<PartySession>>();
    const session = (party: string): Promise<PartySession> => {
      const open =
        sessions.get(party) ??
        PartySession.open({ link, party, identity, federation, layout, onBlocks: () => undefined }, []);
      sessions.set(party, open);
      return open;
    };
    const parties = [...f.parties.keys()];
    await Promise.all(parties.map(session));
    const asker = new RlweAsker(layout);
    frames = [];
    const asked = await Question.encrypt(asker, await f.encoder.encodeQuery(question), {
      link,
      identity,
      federation,
      layout,
      session,
      parties,
      k: 5,
      deadlineMs: 5000,
    });
    for await (const { status } of asked.scores(undefined)) expect(status).toBe("answered");
    await asked.passages(fetchFrom, asked.best, undefined);
    const seen = ordered(frames);
    asker.close();
    link.close();
    return seen;
  }

  test("a querier that fetches from the winning party alone is found out, one that fetches from all is not", async () => {
    const winners = Object.entries(questions).flatMap(([question, winner]) =>
      winner === null ? [] : [{ question, winner }],
    );
    const careless = [];
    const careful = [];
    for (const { question, winner } of winners) {
      careless.push(await ask(question, [winner]));
      careful.push(await ask(question, [...f.parties.keys()]));
    }
    expect(careful[1]).toEqual(careful[0]);
    expect(careless[1]).not.toEqual(careless[0]);
    expect(careless[2]).not.toEqual(careless[1]);
  });

  test("in clear mode the embedding is found", async () => {
    const seen: Buffer[] = [];
    await using clear = await TestFederation.start({
      corpora: { alpha: corpora.alpha },
      mode: "clear",
      observer: ({ payload }) => {
        seen.push(Buffer.from(payload));
      },
    });
    await (await clear.client()).query("the quick brown fox").result;
    const embedding = await clear.encoder.encodeQuery("the quick brown fox");
    expect(
      Buffer.concat(seen).includes(Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength)),
    ).toBe(true);
  });
});
