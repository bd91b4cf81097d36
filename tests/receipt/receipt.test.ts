import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { type Flow, TrafficMeter } from "../../party-node/asking/traffic.ts";
import { type Receipt, makeReceipt } from "../../party-node/receipt/index.ts";
import { type MemberSight, sightOfMember } from "../../party-node/receipt/sight.ts";
import type { SaltedPassage } from "../../party-node/store/index.ts";
import type { SeenFrame } from "../../protocol/index.ts";
import { lyingParty } from "../federation/lying-party.ts";
import { TestFederation } from "../support/federation.ts";

const corpora = {
  alpha: { a1: "an otter swims in the river", a2: "a heron stands on one leg" },
  beta: { b1: "the badger digs at night" },
  gamma: {},
};

let f: TestFederation;
let client: SottoClient;
const meter = new TrafficMeter();
/** What the hub saw of its connection with the querier. */
let atHub: SeenFrame[] = [];

beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { ...corpora, delta: { d1: "never there" } },
    absent: ["delta"],
    observer: (frame) => {
      if (frame.peer === "asker") atHub.push(frame);
    },
  });
  client = await f.client("asker", { observer: meter.observer });
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

async function ask(question: string): Promise<{ receipt: Receipt; frames: readonly SeenFrame[] }> {
  atHub = [];
  const stop = meter.start();
  const result = await client.query(question, { k: 1 }).result;
  const receipt = makeReceipt({
    result,
    traffic: stop(),
    terms: f.federation.terms,
    querier: "asker",
    askedAtMs: Date.UTC(2026, 0, 2),
    version: "0",
  });
  return { receipt, frames: atHub };
}

const summed = (frames: readonly SeenFrame[], direction: "in" | "out") => {
  const own = frames.filter((frame) => frame.direction === direction);
  return { messages: own.length, bytes: own.reduce((sum, { bytes }) => sum + bytes, 0) };
};
const recipient = ({ recipients }: Receipt, name: string) => {
  const found = recipients.find((one) => one.name === name);
  if (!found) throw new Error(`no ${name} in the receipt`);
  return found;
};

test("a receipt's bytes are those that the coordinator counts on its side of the connection", async () => {
  const { receipt, frames } = await ask("where does the otter swim");
  // What is in at the hub went up.
  const counted: Flow = { up: summed(frames, "in"), down: summed(frames, "out") };
  expect(receipt.total).toEqual(counted);
  expect(recipient(receipt, "hub")).toMatchObject({ role: "coordinator", traffic: counted });
  const query = frames.filter(({ type }) => type === "query");
  expect(query).toHaveLength(1);
  for (const name of ["alpha", "beta"])
    expect(recipient(receipt, name).parts?.question).toEqual({ messages: 1, bytes: query[0]?.bytes });
  const relayed = (name: string, direction: "in" | "out") =>
    summed(
      frames.filter(({ message }) => "peer" in message && message.peer === name),
      direction,
    );
  for (const name of ["alpha", "beta"])
    expect(recipient(receipt, name).parts?.session).toEqual({ up: relayed(name, "in"), down: relayed(name, "out") });
  expect(relayed("alpha", "out").bytes).toBeGreaterThan(32_768);
});

test("it says which party knows that its passages were read, and which was never asked", async () => {
  const { receipt } = await ask("where does the otter swim");
  const fetched = ["alpha", "beta"].map((name) => recipient(receipt, name).outcome?.passagesAsked ?? 0);
  expect(fetched[0]).toBeGreaterThan(0);
  expect(fetched[0]! + fetched[1]!).toBeGreaterThanOrEqual(1);
  expect(recipient(receipt, "alpha").sees).toContainEqual(expect.stringMatching(/^Which (one|\d+) of its passages/));
  expect(recipient(receipt, "alpha").hidden).toContain("The question and its vector");
  expect(recipient(receipt, "gamma").sees).toEqual(["That you are connected; it was sent no question"]);
  expect(recipient(receipt, "delta").outcome?.fault?.code).toBe("PARTY_OFFLINE");
  expect(recipient(receipt, "gamma")).not.toHaveProperty("budget");
  expect(recipient(receipt, "alpha").budget).toEqual({ counted: 1, usual: { questions: 4, days: 30 } });
});

test("it holds neither question nor passage, title or document", async () => {
  const { receipt } = await ask("where does the otter swim");
  const text = JSON.stringify(receipt);
  for (const secret of ["otter", "river", "a1", "heron"]) expect(text).not.toContain(secret);
});

test("a question that was stopped before it began sends nothing", async () => {
  const stop = meter.start();
  const stopped = client.query("a heron", { signal: AbortSignal.abort() }).result;
  await expect(stopped).rejects.toMatchObject({ code: "ABORTED" });
  expect([...stop().coordinators]).toEqual([]);
});

test("what goes on outside a measurement is not in it", async () => {
  const stop = meter.start();
  const none = stop();
  await client.query("a heron").result;
  expect([...none.coordinators]).toEqual([]);
});

describe("passages that a party was asked for and did not hand out are known to it all the same:", () => {
  test.each([
    { id: "it stalls", lies: { takes: (count: number) => count < 3 }, fault: "DEADLINE_EXCEEDED" },
    {
      id: "it hands out others",
      lies: { passage: (truth: SaltedPassage) => ({ ...truth, text: "another" }) },
      fault: "PASSAGES_MISSING",
    },
  ])("$id", async ({ lies, fault }) => {
    await using own = await TestFederation.start({ corpora: { liar: corpora.alpha }, absent: ["liar"] });
    const end = await lyingParty(own, "liar", lies);
    using liable = await own.client("asker", { observer: meter.observer });
    const stop = meter.start();
    const result = await liable.query("where does the otter swim", { k: 2, deadlineMs: 1500 }).result;
    const terms = own.federation.terms;
    const receipt = makeReceipt({ result, traffic: stop(), terms, querier: "asker", askedAtMs: 0, version: "0" });
    expect(recipient(receipt, "liar").outcome).toMatchObject({ passagesAsked: 2, fault: { code: fault } });
    expect(recipient(receipt, "liar").sees).toContain("Which 2 of its passages you asked for");
    await end();
  });
});

describe("what a member could see", () => {
  const counted = { messages: 1, bytes: 1 };
  const parts = { question: counted, scores: counted, session: { up: counted, down: counted } };
  const party = { party: "alpha", status: "answered", passagesScored: 2, passagesAsked: 1, ms: 1 } as const;
  const offline = { code: "PARTY_OFFLINE", reason: "it went" };
  const none = { messages: 0, bytes: 0 };
  const atHost = { question: none, scores: none, session: { up: counted, down: counted } };
  const notes = { name: "notes", mode: "outsourced", candidates: 0, isAnswered: false } as const;
  const seenBy = (one: Partial<MemberSight>): readonly string[] =>
    sightOfMember({ mode: "private", parts, outcome: undefined, collections: [], ...one }).sees;

  test("is what it was asked for, also by a party that went before it could hand it out", () => {
    const asked = "Which one of its passages you asked for";
    expect(seenBy({ outcome: { ...party, fault: offline } })).toContain(asked);
    expect(seenBy({ outcome: { ...party, passagesAsked: 0 } })).toContain("That you asked for none of its passages");
    expect(seenBy({ outcome: { ...party, status: "missing", fault: offline } })[0]).toMatch(/^Nothing/);
    const again = { ...party, status: "missing", fault: offline, attempts: 2 } as const;
    expect(seenBy({ outcome: again })).toContain("That you asked, and when, if this reached it");
  });

  test("is not said to be nothing of a host that has answered late or badly", () => {
    expect(seenBy({ parts: atHost, collections: [notes] })).toEqual([
      "The question's vector, perturbed: it recognises questions that are alike, if this reached it",
      "That you asked, and when, if this reached it",
      'Which sealed rows of "notes" it chose, if this reached it',
    ]);
    expect(seenBy({ parts: atHost, collections: [{ ...notes, candidates: 7, isAnswered: true }] })).toContain(
      'Which 7 sealed rows of "notes" were handed to you',
    );
    expect(seenBy({ parts: atHost, collections: [{ ...notes, isAnswered: true }] })).toEqual([
      'That you looked whether "notes" holds anything; it was sent no question',
    ]);
  });
});
