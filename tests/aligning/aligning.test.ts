import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { pino } from "pino";
import { POINT_BYTES, loadRistretto, sodium } from "../../crypto/index.ts";
import { AlignService, alignParties } from "../../party-node/aligning/index.ts";
import { openInvitation } from "../../party-node/aligning/invitation.ts";
import { CoordinatorLink, EndToEndSession } from "../../party-node/link/index.ts";
import { writeConfig } from "../../party-node/node-folder.ts";
import type { RequestHandler } from "../../party-node/serving/index.ts";
import {
  type AlignAnswer,
  type AlignRequest,
  type EndToEndMessage,
  encodeValue,
  packIndices,
} from "../../protocol/index.ts";
import { Cli, expectRefusal, sotto } from "../support/cli.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `patient ${String(from + i).padStart(3, "0")}`);
/** 60 ids at each of alpha and beta, 520 at gamma (two pages); 20 at all, 30 more at two. */
const SETS: Readonly<Record<string, string[]>> = {
  alpha: numbered(0, 60),
  beta: numbered(30, 90),
  gamma: numbered(40, 560),
};
const COMMON = numbered(40, 60);
const PARTIES = Object.keys(SETS);

/** What a party does beside the protocol; set and unset by tests. */
interface Interference {
  answer?: ((truth: AlignAnswer, request: AlignRequest) => EndToEndMessage | Promise<EndToEndMessage>) | undefined;
}

let f: TestFederation;
const kept = new Map<string, readonly string[]>();
/** All that the coordinator sees. */
let frames: Buffer[] = [];
const interference: Interference = {};
const log = pino({ level: "silent" });
const handlers: Record<string, RequestHandler[]> = { alpha: [], beta: [], gamma: [] };

/** The real service of a party; what beta says passes through {@link interference}. */
function serviceOf(name: string): RequestHandler {
  const service = new AlignService({
    identity: f.party(name).identity,
    federation: f.federation,
    helpers: new Set(["asker"]),
    readIds: async () => SETS[name]!,
    keep: (ids) => void kept.set(name, ids),
    log,
  });
  if (name !== "beta") return service;
  return {
    handles: (message): message is EndToEndMessage => service.handles(message),
    async *respond(member, session, request) {
      for await (const truth of service.respond(member, session, request as AlignRequest))
        yield (await interference.answer?.(truth as AlignAnswer, request as AlignRequest)) ?? truth;
    },
  };
}

beforeAll(async () => {
  const corpora = Object.fromEntries([...PARTIES, "plain"].map((name) => [name, {}]));
  f = await TestFederation.start({
    corpora,
    queriers: ["asker", "other"],
    absent: PARTIES,
    handlers,
    observer: ({ payload }) => void frames.push(Buffer.from(payload)),
  });
  for (const name of PARTIES) {
    handlers[name]!.push(serviceOf(name));
    await f.party(name).start();
  }
});
afterAll(() => f[Symbol.asyncDispose]());
beforeEach(() => {
  frames = [];
  kept.clear();
  interference.answer = undefined;
});

const align = (parties: readonly string[] = PARTIES, asker = "asker") =>
  alignParties({ identity: f.identity(asker), federation: f.federation, coordinatorUrls: [f.url], parties });

/** All that the helper sends and is told, in its sessions' plaintext. */
async function record(work: () => Promise<unknown>): Promise<{ party: string; message: object }[]> {
  const seen: { party: string; message: object }[] = [];
  const truth = EndToEndSession.prototype.askNumbered;
  const spy = jest.spyOn(EndToEndSession.prototype, "askNumbered").mockImplementation(async function (
    this: EndToEndSession,
    ...args
  ) {
    seen.push({ party: this.party, message: args[0] });
    const result = await truth.apply(this, args);
    seen.push({ party: this.party, message: result.answer });
    return result;
  });
  await work().finally(() => {
    spy.mockRestore();
  });
  return seen;
}
type Begin = Extract<AlignRequest, { type: "align-begin" }>;
const isBegin = (message: object): message is Begin => "type" in message && message.type === "align-begin";
const pointsIn = (message: object): string[] => {
  if (!("points" in message) || !(message.points instanceof Uint8Array)) return [];
  const hex = Buffer.from(message.points).toString("hex");
  return hex.match(/.{64}/g) ?? [];
};

describe("aligning", () => {
  test("leaves the common ids at every party, in one order that is not theirs; the helper has sizes", async () => {
    expect(await align()).toEqual({
      common: COMMON.length,
      parties: PARTIES.map((party) => ({ party, ids: SETS[party]!.length })),
    });
    const ids = kept.get("alpha")!;
    expect(ids.toSorted()).toEqual(COMMON);
    expect(ids).not.toEqual(COMMON);
    expect([kept.get("beta"), kept.get("gamma")]).toEqual([ids, ids]);
    await align();
    expect(kept.get("alpha")).not.toEqual(ids);
  });

  test("of two parties finds what the third lacks, and leaves its ids alone", async () => {
    expect((await align(["beta", "alpha"])).common).toBe(30);
    expect(kept.get("beta")!.toSorted()).toEqual(numbered(30, 60));
    expect(kept.has("gamma")).toBe(false);
  });

  test("neither helper nor coordinator sees an id or a hash of one; sets can be compared only where all parties have raised them", async () => {
    const seen = await record(() => align());
    const all = Buffer.concat(seen.map(({ message }) => encodeValue(message)));
    expect(all.length).toBeGreaterThan(3 * 640 * POINT_BYTES);
    expect(all.includes("patient")).toBe(false);
    const points = seen.flatMap(({ message }) => pointsIn(message));
    const distinct = new Set(points);

    const relayed = Buffer.concat(frames);
    expect(relayed.length).toBeGreaterThan(all.length);
    expect(relayed.includes("patient")).toBe(false);
    for (const element of [...distinct].slice(0, 100))
      expect(relayed.includes(Buffer.from(element, "hex"))).toBe(false);

    // The secret under which ids are hashed, as beta opens it: with it, and only with it, the hashes can be looked for.
    const begin = seen.find(({ party, message }) => party === "beta" && isBegin(message))!.message as Begin;
    const beta = { identity: f.party("beta").identity, federation: f.federation };
    const secret = openInvitation(begin.invitation, begin, beta);
    expect(all.includes(Buffer.from(secret))).toBe(false);
    const { hashToPoint } = await loadRistretto();
    const context = sodium.crypto_generichash(32, encodeValue([f.federation.id, begin.alignment, PARTIES]), null);
    for (const id of SETS["alpha"]!) {
      const text = Buffer.concat([Buffer.from("sotto private set intersection 1"), context, Buffer.from(id)]);
      for (const key of [secret, null]) {
        const hash = sodium.crypto_generichash(64, text, key);
        expect(all.includes(Buffer.from(hash)) || distinct.has(Buffer.from(hashToPoint(hash)).toString("hex"))).toBe(
          false,
        );
      }
    }

    // Each element is sent and received at each step but the first and last: without a coincidence, 3 x 640 different ones. Coincidences are those of
    // fully raised ids at two parties (30 - 20 of alpha and beta, none of alpha and gamma, 50 - 20 of beta and gamma) or three (20, twice).
    expect(distinct.size).toBe(3 * 640 - (10 + 30 + 2 * 20));
  });

  test("sent to another party than the one it is for, an invitation is refused", async () => {
    const seen = await record(() => align());
    const begins = seen.filter(({ message }) => isBegin(message));
    const ofBeta = begins.find(({ party }) => party === "beta")!.message as Begin;
    const code = (to: string, change: Partial<Begin>) => answerTo(to, [{ ...ofBeta, ...change }]);
    await expect(code("beta", {})).resolves.toMatchObject({ ids: 60 });
    const refused = { code: "INVITATION_INVALID" };
    await expect(code("gamma", {})).rejects.toMatchObject(refused);
    await expect(code("beta", { alignment: sodium.randombytes_buf(16) })).rejects.toMatchObject(refused);
    await expect(code("beta", { parties: ["alpha", "beta"] })).rejects.toMatchObject(refused);
    await expect(code("beta", { parties: ["gamma", "beta", "alpha"] })).rejects.toMatchObject(refused);
    await expect(code("beta", { invitation: new Uint8Array(8) })).rejects.toMatchObject(refused);
  });
});

/** Sends a party requests in one session. @returns The answer to the last. */
async function answerTo(party: string, requests: readonly object[], asker = "asker"): Promise<EndToEndMessage> {
  const [identity, { federation }] = [f.identity(asker), f];
  const link = new CoordinatorLink({ urls: [f.url], identity, federation });
  try {
    await link.open();
    const session = await EndToEndSession.open({ link, party, identity, federation });
    const answers: EndToEndMessage[] = [];
    for (const request of requests)
      await session.request(
        request as Parameters<EndToEndSession["request"]>[0],
        (answer) => void answers.push(answer),
      );
    return answers.at(-1)!;
  } finally {
    link.close();
  }
}

describe("a helper that does not follow", () => {
  const begin = {
    type: "align-begin",
    alignment: new Uint8Array(16),
    parties: ["alpha", "beta"],
    invitation: new Uint8Array(0),
  };
  const points = (bytes: number[]) => ({ type: "align-raise", points: Uint8Array.from(bytes) });
  const keep = (...positions: number[]) => ({
    type: "align-keep",
    positions: packIndices(Uint32Array.from(positions)),
  });
  const rows: { id: string; requests: object[]; code: string }[] = [
    { id: "the identity to raise", requests: [begin, points(Array(32).fill(0))], code: "POINT_INVALID" },
    { id: "no element to raise", requests: [begin, points(Array(32).fill(255))], code: "POINT_INVALID" },
    { id: "raising before the beginning", requests: [points([])], code: "ALIGNMENT_ORDER" },
    {
      id: "ids that are not there",
      requests: [begin, { type: "align-blind", from: 60, count: 1 }],
      code: "RANGE_INVALID",
    },
    { id: "two alignments in a session", requests: [begin, begin], code: "ALIGNMENT_ORDER" },
    { id: "raising after the end", requests: [begin, keep(0), points([])], code: "ALIGNMENT_ORDER" },
    { id: "a position twice", requests: [begin, keep(1, 1)], code: "RANGE_INVALID" },
    { id: "a position that is not there", requests: [begin, keep(60)], code: "RANGE_INVALID" },
    { id: "without this party", requests: [{ ...begin, parties: ["beta", "gamma"] }], code: "ALIGNMENT_INVALID" },
    { id: "this party twice", requests: [{ ...begin, parties: ["alpha", "alpha"] }], code: "ALIGNMENT_INVALID" },
    {
      id: "with one who is no party",
      requests: [{ ...begin, parties: ["alpha", "asker"] }],
      code: "ALIGNMENT_INVALID",
    },
  ];
  test.each(rows)("$id: $code", async ({ requests, code }) => {
    await expect(answerTo("alpha", requests)).rejects.toMatchObject({ code });
  });

  test("or may not ask, or asks a node that aligns nothing", async () => {
    const refused = { code: "NOT_ALIGNING", message: expect.stringContaining("--align-for") };
    await expect(align(PARTIES, "other")).rejects.toMatchObject(refused);
    await expect(align(["alpha", "plain"])).rejects.toMatchObject(refused);
    await expect(align(["alpha"])).rejects.toMatchObject({ code: "PARTY_COUNT" });
  });
});

describe("a party that does not follow", () => {
  const lies: { id: string; of: AlignAnswer["type"]; change: (truth: Uint8Array) => Uint8Array; code: string }[] = [
    { id: "the identity", of: "align-points", change: (truth) => truth.fill(0, 0, 32), code: "POINT_INVALID" },
    { id: "bytes", of: "align-points", change: (truth) => truth.fill(255, 0, 32), code: "POINT_INVALID" },
    { id: "too few", of: "align-points", change: (truth) => truth.subarray(32), code: "MESSAGE_INVALID" },
    { id: "one twice", of: "align-points", change: (truth) => truth.copyWithin(32, 0, 32), code: "POINTS_REPEATED" },
  ];
  test.each(lies)("and sends $id: $code", async ({ of, change, code }) => {
    interference.answer = (truth) =>
      truth.type === of && "points" in truth ? { ...truth, points: change(truth.points.slice()) } : truth;
    const says = code === "POINTS_REPEATED" ? /set number/ : /beta/;
    await expect(align()).rejects.toMatchObject({ code, message: expect.stringMatching(says) });
    expect(kept.size).toBe(0);
  });

  test("and leaves on the way: the helper says who, and nobody keeps anything", async () => {
    interference.answer = async (truth, request) => {
      if (request.type === "align-raise") void f.party("beta").stop();
      return truth;
    };
    await expect(align()).rejects.toMatchObject({ code: "PARTY_OFFLINE", message: expect.stringContaining("beta") });
    expect(kept.size).toBe(0);
    await f.party("beta").start();
    interference.answer = undefined;
    expect((await align()).common).toBe(COMMON.length);
  });

  test("and cannot keep what was found: the helper says that files may differ", async () => {
    interference.answer = (truth, { id, type }) =>
      type === "align-keep" ? { type: "fault", id, code: "DISK_FULL", reason: "no room" } : truth;
    await expect(align()).rejects.toMatchObject({
      code: "ALIGN_INCOMPLETE",
      message: expect.stringMatching(/^beta did/),
    });
  });
});

test("sotto node --entities and sotto align, as processes", async () => {
  using folder = temporaryFolder();
  const federationFile = join(folder.path, "federation.json");
  writeFileSync(federationFile, f.file);
  const nodes: Cli[] = [];
  const dirOf = (name: string): string => join(folder.path, name);
  for (const name of ["asker", "alpha", "beta"]) {
    mkdirSync(dirOf(name));
    const joined = { federation: federationFile, rootPublicKey: f.rootPublicKey, coordinatorUrl: f.url };
    writeConfig(dirOf(name), { name, key: f.keyPath(name), ...joined });
    if (name === "asker") continue;
    await f.party(name).stop();
    const file = join(dirOf(name), name === "alpha" ? "ids.txt" : "ids.csv");
    const [header, more] = name === "alpha" ? [[], ""] : [["patient,age"], ",40"];
    writeFileSync(file, [...header, ...SETS[name]!.map((id) => `${id}${more}`)].join("\n"));
    const column = name === "alpha" ? [] : ["--entity-column", "patient"];
    nodes.push(new Cli(["node", "--dir", dirOf(name), "--entities", file, "--align-for", "asker", ...column]));
  }
  await Promise.all(nodes.map((node) => node.printed(/"serving"/)));
  const { stdout, code, stderr } = await sotto(["align", "alpha", "beta", "--dir", dirOf("asker"), "--json"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toEqual({
    common: 30,
    parties: [
      { party: "alpha", ids: 60 },
      { party: "beta", ids: 60 },
    ],
  });
  const files = ["alpha", "beta"].map((name) => readFileSync(join(dirOf(name), "aligned.json"), "utf8"));
  expect(files[0]).toBe(files[1]);
  const { version, ids } = JSON.parse(files[0]!) as { version: number; ids: string[] };
  expect([version, ids.toSorted()]).toEqual([1, numbered(30, 60)]);
  for (const node of nodes) expect((await node.stop()).stderr + node.stdout).not.toContain("patient 0");
  const half = ["node", "--dir", dirOf("alpha"), "--align-for", "asker"];
  await expectRefusal(half, { fault: "OPTION_UNFIT", says: /--entities FILE/ });
});
