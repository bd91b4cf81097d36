import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import type { AuditEvent } from "../../operation/audit/index.ts";
import { createNodeFolder, writeConfig } from "../../party-node/node-folder.ts";
import {
  QuerierRights,
  QueryBudget,
  RIGHT_DEFAULT,
  type Right,
  readRights,
  writeRights,
} from "../../party-node/serving/index.ts";
import { isAboutOwnPassages } from "../../party-node/serving/not-served.ts";
import type { EndToEndMessage } from "../../protocol/index.ts";
import { fault } from "../crypto/support.ts";
import { expectRefusal, sotto, sottoOutput } from "../support/cli.ts";
import { TestFederation, until } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
afterAll(() => folder[Symbol.dispose]());

const everybody = (right: Partial<Right>, members: Readonly<Record<string, Partial<Right>>> = {}) => ({
  default: { ...RIGHT_DEFAULT, ...right },
  members: new Map(Object.entries(members).map(([name, own]) => [name, { ...RIGHT_DEFAULT, ...own }])),
});

/** Rights of a running node, and what it says of them. */
function follow(path: string): { rights: QuerierRights; taken: number[]; lines: string[] } {
  const rights = new QuerierRights(path);
  const [taken, lines]: [number[], string[]] = [[], []];
  const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
  ends.push(rights.follow(log, (members) => void taken.push(members), 50));
  return { rights, taken, lines };
}

describe("the file of rights", () => {
  test("is read as it was written, for its owner's eyes; without one everybody may ask", () => {
    const path = join(folder.path, "written.json");
    expect(readRights(path)).toBeNull();
    expect(new QuerierRights(path).of("asker")).toEqual(RIGHT_DEFAULT);
    const rights = everybody(
      { mayQuery: false },
      { asker: { questions: 3, days: 2, passages: 0 }, b: { questions: "none" } },
    );
    writeRights(path, rights);
    expect(readRights(path)).toEqual(rights);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path).filter((name) => name.endsWith(".new"))).toEqual([]);
    const read = new QuerierRights(path);
    expect(read.of("asker").questions).toBe(3);
    expect(() => {
      read.check("constructor");
    }).toThrow(fault("NOT_ALLOWED"));
  });

  test("is refused when it is damaged or says what nobody knows", () => {
    const path = join(folder.path, "damaged.json");
    const file = (right: object): string =>
      JSON.stringify({ version: 1, default: RIGHT_DEFAULT, members: { asker: { ...RIGHT_DEFAULT, ...right } } });
    writeFileSync(path, file({}));
    expect(readRights(path)?.members.size).toBe(1);
    for (const right of [{ passages: 33 }, { questions: 0 }, { days: 0 }, { mayQuery: "no" }, { mayFetch: true }]) {
      writeFileSync(path, file(right));
      expect(() => new QuerierRights(path)).toThrow(fault("RIGHTS_MALFORMED"));
    }
  });

  test("is followed while the node runs; one that is damaged or gone changes nothing and is said", async () => {
    const path = join(folder.path, "followed.json");
    const { rights, taken, lines } = follow(path);
    writeRights(path, everybody({}, { asker: { mayQuery: false } }));
    await until(() => taken.length === 1);
    expect(taken).toEqual([1]);
    writeFileSync(path, "{");
    await until(() => lines.length === 1);
    rmSync(path);
    await until(() => lines.length === 2);
    expect(lines.map((line) => (JSON.parse(line) as { code: string }).code)).toEqual([
      "RIGHTS_MALFORMED",
      "RIGHTS_MISSING",
    ]);
    expect(rights.of("asker").mayQuery).toBe(false);
    expect(taken).toEqual([1]);
  });
});

test("a budget of one's own takes the place of the node's; what was asked stays counted over changes", () => {
  const rights = new Map<string, Pick<Right, "questions" | "days">>();
  const clock = { now: Date.UTC(2026, 0, 10, 12) };
  const budget = new QueryBudget({
    path: join(folder.path, "asked.json"),
    max: 2,
    days: 30,
    rightOf: (querier) => rights.get(querier) ?? RIGHT_DEFAULT,
    wallClock: () => clock.now,
  });
  const spends = (querier: string): boolean => {
    try {
      budget.spend(querier);
      return true;
    } catch (error) {
      expect(error).toEqual(fault("QUERY_BUDGET_SPENT"));
      return false;
    }
  };
  expect([1, 2, 3].map(() => spends("asker"))).toEqual([true, true, false]);
  rights.set("asker", { questions: 3, days: null });
  expect([1, 2].map(() => spends("asker"))).toEqual([true, false]);
  rights.set("asker", { questions: "none", days: null });
  expect(spends("asker")).toBe(true);
  clock.now += 3 * 86_400_000;
  rights.set("asker", { questions: 1, days: 2 });
  expect([1, 2].map(() => spends("asker"))).toEqual([true, false]);
  // The three before were only out of those two days, not forgotten.
  rights.set("asker", { questions: 4, days: 30 });
  expect(spends("asker")).toBe(false);
  expect([1, 2, 3].map(() => spends("other"))).toEqual([true, true, false]);
});

test("rights are about the party's own passages: their blocks, words and summary, not what it does for others", () => {
  const bytes = new Uint8Array(16);
  const own: EndToEndMessage[] = [
    { type: "sync", id: 0, held: bytes },
    { type: "describe", id: 0, versions: bytes },
    { type: "fetch", id: 0, queryId: bytes, handles: bytes },
    { type: "route-summary", id: 0, known: bytes },
  ];
  expect(own.map(isAboutOwnPassages)).toEqual(own.map(() => true));
  const others: EndToEndMessage[] = [
    { type: "sync", id: 0, held: bytes, collection: bytes },
    { type: "describe", id: 0, versions: bytes, collection: bytes },
    { type: "host-list", id: 0 },
    { type: "codes-read", id: 0, entities: [] },
  ];
  expect(others.map(isAboutOwnPassages)).toEqual(others.map(() => false));
});

test("a party keeps to the rights at once: no answers, no hints, no more passages than its querier may have", async () => {
  const path = join(folder.path, "federation.json");
  const asked = join(folder.path, "federation-asked.json");
  const set = (right: Partial<Right>): void => {
    writeRights(path, everybody({}, { asker: right }));
  };
  const events: AuditEvent[] = [];
  let taken: readonly number[] = [];
  const changed = async (right: Partial<Right>): Promise<void> => {
    const before = taken.length;
    set(right);
    await until(() => taken.length > before);
  };
  const texts = Object.fromEntries([1, 2, 3, 4].map((n) => [`t${String(n)}`, `text of alpha ${"n".repeat(4 * n)}`]));
  set({ mayQuery: false });
  await using f = await TestFederation.start({
    corpora: { alpha: texts, beta: { other: "zzz" } },
    queriers: ["asker", "other"],
    queryBudgets: { alpha: () => new QueryBudget({ path: asked, max: 50, days: 30, wallClock: Date.now }) },
    rights: {
      alpha: () => {
        const followed = follow(path);
        taken = followed.taken;
        return followed.rights;
      },
    },
    sinks: { alpha: (event) => void events.push(event) },
  });
  const alphaOf = async (question: string, k: number) => {
    const { parties, passages } = await client.query(question, { k }).result;
    const { status, fault: why } = parties.find(({ party }) => party === "alpha") ?? {};
    return {
      status,
      code: why?.code ?? null,
      texts: passages.filter(({ party }) => party === "alpha").map(({ text }) => text),
    };
  };
  const client = await f.client();
  expect(await alphaOf("text of alpha", 4)).toEqual({ status: "missing", code: "NOT_ALLOWED", texts: [] });
  expect(events).toContainEqual({ kind: "query-refused", member: "asker", code: "NOT_ALLOWED" });
  expect(events).toContainEqual({ kind: "request-refused", member: "asker", request: "sync", code: "NOT_ALLOWED" });
  expect(events.filter(({ kind }) => kind === "hints-given" || kind === "query-answered")).toEqual([]);
  expect(() => readFileSync(asked)).toThrow("ENOENT");

  await changed({});
  const all = await alphaOf("text of alpha", 4);
  expect(all).toMatchObject({ status: "answered", code: null });
  expect(all.texts).toHaveLength(4);

  await changed({ passages: 2 });
  expect(await alphaOf("text of alpha", 4)).toEqual({
    status: "answered",
    code: "PASSAGES_LIMITED",
    texts: all.texts.slice(0, 2),
  });
  events.length = 0;
  // It knows by now, and asks once.
  expect((await alphaOf("text of alpha", 2)).code).toBeNull();
  expect(events.map(({ kind }) => kind)).toEqual(["query-answered", "fetch-delivered"]);

  // Whoever fetches nothing is told in a new session as whoever fetches much.
  events.length = 0;
  await changed({ passages: 1 });
  expect(await alphaOf("zzz", 1)).toEqual({ status: "answered", code: null, texts: [] });
  expect(events).toContainEqual({
    kind: "request-refused",
    member: "asker",
    request: "fetch",
    code: "PASSAGES_LIMITED",
  });

  await changed({ passages: 32 });
  expect((await alphaOf("text of alpha", 4)).texts).toEqual(all.texts);
  await changed({ mayQuery: false });
  expect((await alphaOf("text of alpha", 4)).code).toBe("NOT_ALLOWED");
  const other = await f.client("other");
  expect((await other.query("text of alpha", { k: 4 }).result).parties.map(({ status }) => status)).toEqual([
    "answered",
    "answered",
  ]);
});

test("in a vertical federation each party limits its own parts", async () => {
  const path = join(folder.path, "vertical.json");
  writeRights(path, everybody({ passages: 1 }));
  const corpus = { e0: "one text", e1: "two texts", e2: "no word" };
  await using f = await TestFederation.start({
    corpora: { texts: corpus, titles: corpus },
    alignment: Object.keys(corpus),
    rights: { texts: () => new QuerierRights(path) },
  });
  const { parties, passages } = await (await f.client()).query("two texts", { k: 3 }).result;
  expect(passages).toHaveLength(3);
  expect(parties.map(({ party, fault: why }) => [party, why?.code])).toEqual([
    ["texts", "PASSAGES_LIMITED"],
    ["titles", undefined],
  ]);
});

test("sotto rights says what holds, changes only what it is told to, and knows the federation's queriers", async () => {
  await using f = await TestFederation.start({ corpora: { alpha: { one: "a" } }, absent: ["alpha"] });
  const node = createNodeFolder(join(folder.path, "node"), "alpha");
  writeConfig(node.path, { name: "alpha", rootPublicKey: f.federation.terms.rootPublicKey });
  writeFileSync(node.federationPath, f.federation.file);
  const rights = (...args: string[]): Promise<string> => sottoOutput(["rights", ...args, "--dir", node.path]);
  writeRights(node.rightsPath, everybody({ mayQuery: false, questions: 9 }));
  expect(await rights("set", "asker", "--query", "--passages", "3", "--days", "7")).toMatch(
    /asker .* yes .* 9 in 7 days .* 3 [^]*everybody else .* no /,
  );
  expect(readRights(node.rightsPath)).toEqual(
    everybody({ mayQuery: false, questions: 9 }, { asker: { questions: 9, days: 7, passages: 3 } }),
  );
  await expectRefusal(["rights", "set", "asked", "--no-query", "--dir", node.path], {
    fault: "NOT_A_QUERIER",
    says: /"asked" is no querier/,
  });
  const refused = async (args: readonly string[], fault: string, says: RegExp): Promise<void> =>
    expectRefusal(["rights", ...args, "--dir", node.path], { fault, says });
  await refused(["clear", "asked"], "RIGHTS_UNKNOWN", /"asked" has no rights of its own here.*sotto rights show/);
  await refused(["clear"], "OPTION_MISSING", /with --all that it is everybody's/);
  await refused(["clear", "asker", "--all"], "OPTION_UNFIT", /not both/);
  expect(readRights(node.rightsPath)?.members.size).toBe(1);
  await rights("clear", "asker");
  expect(readRights(node.rightsPath)).toEqual(everybody({ mayQuery: false, questions: 9 }));

  // A budget does not give the right to ask, and says so.
  const silent = await sotto(["rights", "set", "asker", "--questions", "5", "--dir", node.path]);
  expect(silent).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/asker may not ask.*sotto rights set asker --query/),
  });
  expect(readRights(node.rightsPath)?.members.get("asker")).toMatchObject({ mayQuery: false, questions: 5 });
  const given = await sotto(["rights", "set", "asker", "--query", "--dir", node.path]);
  expect(given).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/asker .* yes .* 5 in/) });

  expect(await rights("clear", "--all")).toMatch(/everybody else .* yes .* the node's budget in the node's days .* 32/);
  expect(readRights(node.rightsPath)).toEqual(everybody({}));
});
