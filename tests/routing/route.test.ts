import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { openLexical } from "../../party-node/encoders/index.ts";
import { SummaryService, openCommonCoder } from "../../party-node/routing/index.ts";
import type { RequestHandler } from "../../party-node/serving/index.ts";
import type { PassageStore } from "../../party-node/store/index.ts";
import type { EndToEndMessage, SeenFrame } from "../../protocol/index.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { type Corpus, TestFederation } from "../support/federation.ts";

const topics = {
  clinic: "warfarin ulcer haemoglobin ward pharmacist dose bleeding patient discharge nurse transfusion anaemia",
  bank: "mortgage payment interest account customer branch overdraft lending arrears deposit charge sanction",
  court: "contract breach damages tribunal clause employer notice statute claim appeal judge liability",
};
const random = seededRandom(5);
const textsOf = (words: string, count: number): Corpus =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => {
      const all = words.split(" ");
      return [`d${String(i)}`, Array.from({ length: 9 }, () => all[Math.floor(random() * all.length)]!).join(" ")];
    }),
  );
const corpora = {
  clinic: textsOf(topics.clinic, 60),
  bank: textsOf(topics.bank, 60),
  court: textsOf(topics.court, 60),
  few: { one: "ward nurse bleeding dose patient", two: "interest account" },
  silent: textsOf(topics.bank, 12),
  liar: textsOf(topics.court, 12),
};
const questions = {
  clinic: "which dose of warfarin after a bleeding ulcer",
  bank: "can a customer pause a mortgage payment",
  court: "damages for breach of a contract clause",
};

const encoder = await openLexical(256);
const coder = await openCommonCoder(encoder);

let f: TestFederation;
let client: SottoClient;
let frames: SeenFrame[] = [];
/** What the liar says next, and how often it was asked. */
let lie: Readonly<Record<string, unknown>> | null = null;
let asked = 0;

const liar: RequestHandler = {
  handles: (message): message is EndToEndMessage => message.type === "route-summary",
  async *respond(_member, _session, { id }) {
    asked++;
    await Promise.resolve();
    const honest = { version: new Uint8Array(16), coder: coder.id, prototypes: new Uint8Array(32), passages: [6] };
    yield { type: "route-prototypes", id, ...honest, ...lie };
  },
};

const stores: PassageStore[] = [];
const summaryOf = (party: string): SummaryService => {
  const source = {
    changeCounter: () => 1,
    snapshot: () => {
      const store = f.party(party).openStore();
      stores.push(store);
      return store.snapshot();
    },
  };
  return new SummaryService({ source, coder, now: () => performance.now() });
};

beforeAll(async () => {
  f = await TestFederation.start({
    corpora,
    encoder,
    handlers: {
      clinic: [summaryOf("clinic")],
      bank: [summaryOf("bank")],
      court: [summaryOf("court")],
      few: [summaryOf("few")],
      liar: [liar],
    },
    observer: (frame) => {
      frames.push({ ...frame, payload: frame.payload.slice() });
    },
  });
  client = await f.client();
});
afterAll(async () => {
  for (const store of stores) store.close();
  await f[Symbol.asyncDispose]();
});

const always = ["few", "silent", "liar"];

describe("a question with route", () => {
  test.each(Object.entries(questions))("asks the party that knows of it: %s", async (winner, question) => {
    lie = { passages: [] };
    const { passages, parties } = await client.query(question, { route: 1, k: 8 }).result;
    const by = (status: string): string[] =>
      parties.flatMap(({ party, status: had }) => (had === status ? party : [])).toSorted();
    expect(by("answered")).toEqual([winner, ...always].toSorted());
    expect(by("not-asked")).toEqual(
      Object.keys(topics)
        .filter((name) => name !== winner)
        .toSorted(),
    );
    expect(by("missing")).toEqual([]);
    const ranking = (await f.plaintextRanking(question)).filter(({ party }) => by("answered").includes(party));
    expect(passages.map(({ score }) => score)).toHaveLength(8);
    passages.forEach(({ score }, i) => {
      expect(Math.abs(score - ranking[i]!.score)).toBeLessThan(0.05);
    });
  });

  test("says why each party was asked or was not", async () => {
    lie = { coder: new Uint8Array(32) };
    const fresh = await f.client();
    const { parties } = await fresh.query(questions.bank, { route: 1 }).result;
    const outcome = (name: string) => parties.find(({ party }) => party === name);
    expect(outcome("bank")).toMatchObject({ status: "answered", route: { reason: "likely" } });
    expect(outcome("court")).toEqual({
      party: "court",
      status: "not-asked",
      passagesScored: 0,
      ms: 0,
      route: { reason: "unlikely" },
    });
    for (const [name, code] of [
      ["silent", "NOT_ROUTABLE"],
      ["few", "TOO_FEW_PASSAGES"],
      ["liar", "SUMMARY_OTHER_CODER"],
    ] as const) {
      expect(outcome(name)).toMatchObject({ status: "answered", route: { reason: "no-summary", fault: { code } } });
      expect(outcome(name)?.fault).toBeUndefined();
    }
  });

  test("that asks for more than there are asks all, as one without does", async () => {
    const all = await client.query(questions.court, { route: 6, k: 2 }).result;
    const plain = await client.query(questions.court, { k: 2 }).result;
    expect(all.parties.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => "answered"));
    const key = ({ party, documentId }: { party: string; documentId: string }): string => `${party}/${documentId}`;
    expect(all.passages.map(key)).toEqual(plain.passages.map(key));
    expect(plain.parties.every(({ route }) => route === undefined)).toBe(true);
  });

  test.each([0, 1.5, -1, "2" as unknown as number])("does not take %s", (route) => {
    expect(() => client.query("x", { route })).toThrow(/route must be a whole number/);
  });
});

describe("a summary that is none", () => {
  test.each([
    ["with half a prototype", { prototypes: new Uint8Array(31) }, "SUMMARY_MALFORMED"],
    ["with more prototypes than numbers", { prototypes: new Uint8Array(64) }, "SUMMARY_MALFORMED"],
    ["that stands for nothing", { passages: [0] }, "SUMMARY_MALFORMED"],
    ["without prototypes", { prototypes: new Uint8Array(0), passages: [] }, "SUMMARY_MALFORMED"],
    ["that is too large", { prototypes: new Uint8Array(65 * 32), passages: new Array(65).fill(1) }, "MESSAGE_INVALID"],
    ["that is far too large", { prototypes: new Uint8Array(20_000) }, "FRAME_TOO_LARGE"],
    ["with a negative number", { passages: [-1] }, "MESSAGE_INVALID"],
  ])("%s leaves the party asked, and named", async (_, said, code) => {
    lie = said;
    const fresh = await f.client();
    const { parties } = await fresh.query(questions.clinic, { route: 1 }).result;
    const outcome = parties.find(({ party }) => party === "liar");
    expect(outcome).toMatchObject({ status: "answered", route: { reason: "no-summary", fault: { code } } });
    expect(parties.find(({ party }) => party === "clinic")?.status).toBe("answered");
    expect(parties.find(({ party }) => party === "bank")?.status).toBe("not-asked");
    fresh.close();
  });
});

describe("who learns what", () => {
  test("parties that are left out get no query and no fetch; before that all are asked the same, whatever the question", async () => {
    lie = {};
    const seen: Record<string, { before: string[]; queried: string[] }> = {};
    for (const [name, question] of Object.entries(questions)) {
      const fresh = await f.client();
      await fresh.warm();
      frames = [];
      await fresh.query(question, { route: 1 }).result;
      const down = frames.filter(({ direction, peer }) => direction === "out" && peer !== "asker");
      const first = down.findIndex(({ type }) => type === "query");
      seen[name] = {
        before: down
          .slice(0, first)
          .map(({ peer, type, bytes }) => `${peer} ${type} ${String(bytes)}`)
          .toSorted(),
        queried: down
          .filter(({ type }) => type === "query")
          .map(({ peer }) => peer)
          .toSorted(),
      };
      const after = down.slice(first).map(({ peer }) => peer);
      for (const other of Object.keys(topics)) if (other !== name) expect(after).not.toContain(other);
      fresh.close();
    }
    expect(seen["clinic"]?.queried).toContain("clinic");
    expect(seen["clinic"]?.before.length).toBe(6);
    expect(seen["bank"]?.before).toEqual(seen["clinic"]?.before);
    expect(seen["court"]?.before).toEqual(seen["clinic"]?.before);
  });

  test("a summary is asked for once a minute, and sent once a version", async () => {
    const fresh = await f.client();
    lie = {};
    asked = 0;
    await fresh.query(questions.clinic, { route: 1 }).result;
    await fresh.query(questions.bank, { route: 1 }).result;
    expect(asked).toBe(1);
    const service = summaryOf("clinic");
    const ask = async (known: Uint8Array): Promise<Extract<EndToEndMessage, { type: "route-prototypes" }>> => {
      for await (const message of service.respond("asker", {}, { type: "route-summary", id: 4, known }))
        if (message.type === "route-prototypes") return message;
      throw new Error("no answer");
    };
    const first = await ask(new Uint8Array(0));
    expect(first.passages.reduce((sum, count) => sum + count, 0)).toBe(60);
    expect(first.prototypes.length).toBe(32 * first.passages.length);
    expect(await ask(first.version)).toMatchObject({ id: 4, version: first.version, passages: [] });
    expect((await ask(new Uint8Array(16))).passages).toEqual(first.passages);
  });

  test("the coder follows from the encoder and what comes with the package, and from nobody's documents", async () => {
    const again = await openCommonCoder(await openLexical(256));
    expect(again.id).toEqual(coder.id);
    expect(again.coder.parameters.thresholds).toEqual(coder.coder.parameters.thresholds);
    expect((await openCommonCoder(await openLexical(512))).id).not.toEqual(coder.id);
  });
});
