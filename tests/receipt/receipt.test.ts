import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { type Flow, TrafficMeter } from "../../party-node/asking/traffic.ts";
import { type Receipt, makeReceipt } from "../../party-node/receipt/index.ts";
import type { SeenFrame } from "../../protocol/index.ts";
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
  const fetched = ["alpha", "beta"].map((name) => recipient(receipt, name).outcome?.passagesFetched ?? 0);
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

test("what goes on outside a measurement is not in it", async () => {
  const stop = meter.start();
  const none = stop();
  await client.query("a heron").result;
  expect([...none.coordinators]).toEqual([]);
});
