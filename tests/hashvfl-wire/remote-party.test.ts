import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { CoordinatorLink, EndToEndSession } from "../../party-node/link/index.ts";
import { limits } from "../../protocol/index.ts";
import type { RequestOf } from "../../party-node/link/end-to-end-session.ts";
import { RemoteParty } from "../../simulations/hashvfl/remote-party.ts";
import type { TrainingParty } from "../../simulations/hashvfl/training-party.ts";
import { TrainingService } from "../../simulations/hashvfl/training-service.ts";
import { TestFederation } from "../support/federation.ts";
import { SmallParty, settings } from "./small-party.ts";

const log = pino({ level: "silent" });
const bank = new SmallParty("bank");
const handlers = [new TrainingService({ party: bank, trainer: "trainer", log })];
const frames: Buffer[] = [];
let federation: TestFederation;
const links: CoordinatorLink[] = [];

beforeAll(async () => {
  federation = await TestFederation.start({
    corpora: { bank: {}, shop: {} },
    queriers: ["trainer", "asker"],
    handlers: { bank: handlers },
    observer: ({ payload }) => void frames.push(Buffer.from(payload)),
  });
});

afterAll(async () => {
  for (const link of links) link.close();
  await federation[Symbol.asyncDispose]();
});

async function sessionWith(party: string, member = "trainer"): Promise<EndToEndSession> {
  const identity = federation.identity(member);
  const link = new CoordinatorLink({ urls: [federation.url], identity, federation: federation.federation });
  links.push(link);
  await link.open();
  return EndToEndSession.open({ link, party, identity, federation: federation.federation });
}

const rows = (...indices: number[]): Uint32Array => Uint32Array.from(indices);
const gradient = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.fround(Math.sin(i) / 3));

/** Everything a server sees of a party over two epochs of a run. */
async function observe(party: TrainingParty, changes: Parameters<typeof settings>[0]): Promise<Float32Array[]> {
  const seen: Float32Array[] = [];
  await party.begin(settings(changes), 0);
  for (let epoch = 1; epoch <= 2; epoch++) {
    for (const batch of [rows(3, 1, 4), rows(19, 0, 7), rows(5)]) {
      seen.push(await party.forward("train", batch, true));
      await party.backward(gradient(batch.length * settings(changes).bits));
    }
    seen.push(await party.forward("test", rows(0, 9, 4), false));
    await party.endEpoch(epoch);
  }
  return seen;
}

describe("a party in another process", () => {
  test.each([
    ["codes", {}],
    ["codes of 64 bits", { bits: 64 }],
    ["floats", { release: "floats" as const }],
    ["codes with noise, which are floats", { release: "floats" as const, laplaceEpsilon: 2 }],
  ])("gives and takes %s as the party itself does", async (name, changes) => {
    const run = name.replaceAll(/[^a-z0-9]/g, "-");
    const remote = new RemoteParty(await sessionWith("bank"));
    const local = new SmallParty("bank");
    expect(await remote.shape()).toEqual(await local.shape());
    const there = await observe(remote, { ...changes, run });
    const here = await observe(local, { ...changes, run });
    expect(there.map((entries) => Buffer.from(entries.buffer))).toEqual(
      here.map((entries) => Buffer.from(entries.buffer)),
    );
    await remote.exportModel(run);
    expect(bank.exported.at(-1)).toBe(run);
  });

  test("goes on from a checkpoint in another session", async () => {
    const changes = { run: "resumed", release: "floats" as const };
    const seen = await observe(new RemoteParty(await sessionWith("bank")), changes);
    const again = new RemoteParty(await sessionWith("bank"));
    await again.begin(settings(changes), 2);
    expect(await again.forward("test", rows(0, 9, 4), false)).toEqual(seen.at(-1));
    await expect(again.begin(settings({ ...changes, run: "never" }), 7)).rejects.toMatchObject({
      code: "CHECKPOINT_MISSING",
      message: expect.not.stringContaining("/home"),
    });
  });

  test("evaluates more rows than a message holds in several", async () => {
    const count = limits.trainingRowsMax + 3;
    const remote = new RemoteParty(await sessionWith("bank"));
    await remote.begin(settings({ run: "many" }), 0);
    const before = bank.calls.length;
    const many = Uint32Array.from({ length: count }, (_, i) => i % 20);
    const released = await remote.forward("train", many, false);
    expect(bank.calls.length - before).toBe(2);
    expect(released.slice(-15)).toEqual(await bank.forward("train", many.slice(-3), false));
    await expect(remote.forward("train", many, true)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  test("is named when it has left", async () => {
    const remote = new RemoteParty(await sessionWith("bank"));
    await remote.begin(settings({ run: "left" }), 0);
    await federation.party("bank").stop();
    const left = { code: "PARTY_LEFT", message: expect.stringContaining("bank") };
    await expect(remote.forward("train", rows(1), true)).rejects.toMatchObject(left);
    await expect(remote.endEpoch(1)).rejects.toMatchObject(left);
    await federation.party("bank").start();
  });
});

describe("what crosses the coordinator", () => {
  test("holds neither codes nor gradients in clear, and an entry of a code takes a bit", async () => {
    const remote = new RemoteParty(await sessionWith("bank"));
    await remote.begin(settings({ run: "secret", bits: 64 }), 0);
    const all = Uint32Array.from({ length: 20 }, (_, i) => i);
    frames.length = 0;
    const code = await remote.forward("train", all, true);
    const down = frames.map(({ length }) => length).reduce((most, length) => Math.max(most, length));
    await remote.backward(gradient(20 * 64));
    const seen = Buffer.concat(frames);
    const packed = Buffer.from(
      Uint8Array.from({ length: 16 }, (_, byte) =>
        [...code.subarray(8 * byte, 8 * byte + 8)].reduce((bits, entry, i) => bits | (entry > 0 ? 1 << i : 0), 0),
      ),
    );
    expect(seen.length).toBeGreaterThan(20 * 64 * 4);
    expect(seen.includes(packed)).toBe(false);
    expect(seen.includes(Buffer.from(gradient(20 * 64).buffer, 4, 16))).toBe(false);
    expect(seen.includes("train-")).toBe(false);
    expect(down).toBeLessThan((20 * 64) / 8 + 256);
  });
});

describe("a request that is not as it should be", () => {
  const begin = { type: "train-begin", settings: settings(), epochsDone: 0 } as const;
  const forward = (...indices: number[]) =>
    ({ type: "train-forward", split: "train", rows: bytes(...indices), training: true }) as const;
  const bytes = (...indices: number[]): Uint8Array => new Uint8Array(rows(...indices).buffer);
  const backward = (...entries: number[]) =>
    ({ type: "train-backward", gradient: new Uint8Array(Float32Array.from(entries).buffer) }) as const;
  const five = [1, 2, 3, 4, 5];
  const endEpoch = (epochsDone: number) => ({ type: "train-end-epoch", epochsDone }) as const;

  test.each<[string, RequestOf[], string]>([
    ["rows beyond the last", [begin, forward(1, 20)], "ROWS_INVALID"],
    ["no rows", [begin, forward()], "ROWS_INVALID"],
    ["rows of the other split", [begin, { ...forward(10), split: "test" }], "ROWS_INVALID"],
    ["a short gradient", [begin, forward(1), backward(1, 2)], "GRADIENT_INVALID"],
    ["NaN in a gradient", [begin, forward(1), backward(1, 2, NaN, 4, 5)], "GRADIENT_INVALID"],
    ["a gradient of nothing", [begin, backward(...five)], "GRADIENT_INVALID"],
    ["a second gradient", [begin, forward(1), backward(...five), backward(...five)], "GRADIENT_INVALID"],
    ["a gradient of an evaluation", [begin, { ...forward(1), training: false }, backward(...five)], "GRADIENT_INVALID"],
    ["a run begun twice", [begin, begin], "RUN_BEGUN"],
    ["a model too large", [{ ...begin, settings: settings({ hidden: [4096, 4096] }) }], "LIMIT_EXCEEDED"],
    ["a batch before the run", [forward(1)], "RUN_NOT_BEGUN"],
    ["an epoch left out", [begin, endEpoch(2)], "EPOCH_INVALID"],
    ["an epoch ended twice", [begin, endEpoch(1), endEpoch(1)], "EPOCH_INVALID"],
  ])("%s is a coded fault, and the party goes on", async (_, requests, code) => {
    const session = await sessionWith("bank");
    const last = requests.at(-1)!;
    for (const request of requests.slice(0, -1)) await session.request(request, () => {});
    const calls = bank.calls.length;
    await expect(session.request(last, () => {})).rejects.toMatchObject({ code });
    expect(bank.calls.length).toBe(calls);
    await expect(observe(new RemoteParty(session), { run: "after" })).resolves.toHaveLength(8);
  });

  test.each<[string, object]>([
    ["half a row", { ...forward(), rows: new Uint8Array(6) }],
    ["a code of 65 bits", { ...begin, settings: { ...begin.settings, bits: 65 } }],
    ["an option that nobody knows", { ...begin, settings: { ...begin.settings, epsilon: 1 } }],
    ["a run that is a path", { ...begin, settings: { ...begin.settings, run: "../../etc" } }],
    ["an enormous layer", { ...begin, settings: { ...begin.settings, hidden: [1e9] } }],
  ])("%s ends the session, and the party goes on in another", async (_, request) => {
    const session = await sessionWith("bank");
    await expect(session.request(request as RequestOf, () => {})).rejects.toMatchObject({ code: "MESSAGE_INVALID" });
    await expect(new RemoteParty(await sessionWith("bank")).shape()).resolves.toBeDefined();
  });

  test("another member is refused, and a party that does not train says so", async () => {
    const shape = { type: "train-shape" } as const;
    await expect((await sessionWith("bank", "asker")).ask(shape, "train-party")).rejects.toMatchObject({
      code: "NOT_TRAINER",
    });
    await expect((await sessionWith("shop")).ask(shape, "train-party")).rejects.toMatchObject({ code: "NOT_TRAINING" });
  });

  test("whoever began last leads", async () => {
    const [first, second] = [new RemoteParty(await sessionWith("bank")), new RemoteParty(await sessionWith("bank"))];
    await first.begin(settings({ run: "taken" }), 0);
    await second.begin(settings({ run: "taken" }), 0);
    await expect(first.forward("train", rows(1), true)).rejects.toMatchObject({ code: "RUN_NOT_BEGUN" });
    await expect(second.forward("train", rows(1), true)).resolves.toHaveLength(5);
  });

  // The last test: afterwards the party takes no new run.
  test("a run more than a party keeps models of is refused, one it knows is not", async () => {
    const remote = new RemoteParty(await sessionWith("bank"));
    let refused: unknown = null;
    for (let i = 0; i <= limits.trainingRunsMax && refused === null; i++)
      await remote.begin(settings({ run: `many-${String(i)}` }), 0).catch((error: unknown) => (refused = error));
    expect(refused).toMatchObject({ code: "LIMIT_EXCEEDED" });
    await new RemoteParty(await sessionWith("bank")).begin(settings({ run: "many-0" }), 0);
  });
});
