import { afterAll, describe, expect, test } from "@jest/globals";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { QueryBudget, defaultQueryBudget } from "../../party-node/serving/index.ts";
import { fault } from "../crypto/support.ts";
import { expectUsageError } from "../support/cli.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const DAY_MS = 86_400_000;
const FIRST = Date.UTC(2026, 0, 10, 12);

/** A budget whose clock is set by hand. */
function budget(name: string, { max = 3, days = 2 } = {}) {
  const path = join(folder.path, `${name}.json`);
  const clock = { now: FIRST };
  const open = (): QueryBudget => new QueryBudget({ path, max, days, wallClock: () => clock.now });
  return { path, clock, open };
}

const spend = (of: QueryBudget, querier: string, times: number): void => {
  for (let i = 0; i < times; i++) of.spend(querier);
};
const SPENT = fault("QUERY_BUDGET_SPENT");

describe("a budget of questions", () => {
  test("is each querier's own, and says how many it is and when some come back", () => {
    const own = budget("own").open();
    spend(own, "asker", 3);
    expect(() => {
      own.spend("asker");
    }).toThrow(/answers 3 questions of one querier in 2 days.*from 2026-01-12 \(UTC\) it answers 3 more/);
    spend(own, "other", 3);
  });

  test("comes back by the day on which it was spent", () => {
    const { clock, open } = budget("window");
    const own = open();
    own.spend("asker");
    clock.now += DAY_MS;
    spend(own, "asker", 2);
    expect(() => {
      own.spend("asker");
    }).toThrow(/from 2026-01-12 \(UTC\) it answers 1 more/);
    clock.now += DAY_MS;
    own.spend("asker");
    expect(() => {
      own.spend("asker");
    }).toThrow(/from 2026-01-13 \(UTC\) it answers 2 more/);
  });

  test("survives a restart; what was refused is not counted", () => {
    const { path, open } = budget("restart");
    spend(open(), "asker", 2);
    const again = open();
    again.spend("asker");
    const before = readFileSync(path, "utf8");
    expect(() => {
      again.spend("asker");
    }).toThrow(SPENT);
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test("is not given back by a clock that is set back, not even across a restart", () => {
    const { clock, open } = budget("clock");
    spend(open(), "asker", 3);
    clock.now -= 100 * DAY_MS;
    expect(() => {
      open().spend("asker");
    }).toThrow(SPENT);
    // Counted on the latest day there was, they come back no earlier than the others.
    const own = open();
    spend(own, "other", 3);
    clock.now = FIRST + DAY_MS;
    expect(() => {
      own.spend("other");
    }).toThrow(SPENT);
    clock.now += DAY_MS;
    own.spend("other");
  });

  test("that was lowered says when the first question fits again", () => {
    const { path, clock, open } = budget("lowered");
    spend(open(), "asker", 2);
    clock.now += DAY_MS;
    open().spend("asker");
    const lowered = new QueryBudget({ path, max: 1, days: 2, wallClock: () => clock.now });
    expect(() => {
      lowered.spend("asker");
    }).toThrow(/from 2026-01-13 \(UTC\) it answers 1 more/);
  });

  test("whose file is damaged is refused, not begun anew", () => {
    const { path, open } = budget("damaged");
    for (const text of ["{", '{"asker":{"x":1}}', '{"asker":{"1":-5}}', "[]"]) {
      writeFileSync(path, text);
      expect(open).toThrow(fault("QUERY_BUDGET_MALFORMED"));
    }
  });

  test("is a sixteenth of the dimensions by default, at least one", () => {
    expect([1024, 384, 64, 8].map(defaultQueryBudget)).toEqual([64, 24, 4, 1]);
  });
});

test("a party whose budget is spent refuses and says so, others answer on, also after it was started again", async () => {
  const path = join(folder.path, "federation.json");
  const open = (): QueryBudget => new QueryBudget({ path, max: 2, days: 30, wallClock: Date.now });
  await using f = await TestFederation.start({
    corpora: { alpha: { one: "a text of alpha" }, beta: { two: "a text of beta" } },
    queriers: ["asker", "other"],
    queryBudgets: { alpha: open },
  });
  const asker = await f.client();
  for (let i = 0; i < 2; i++)
    expect((await asker.query("a text").result).parties.map(({ status }) => status)).toEqual(["answered", "answered"]);
  const expectRefused = async (): Promise<void> => {
    const { parties, passages } = await asker.query("a text").result;
    const alpha = parties.find(({ party }) => party === "alpha");
    expect(alpha).toMatchObject({ status: "missing", fault: { code: "QUERY_BUDGET_SPENT" } });
    expect(alpha?.fault?.reason).toMatch(/answers 2 questions of one querier in 30 days.*from \d{4}-\d\d-\d\d \(UTC\)/);
    expect(passages.map(({ party }) => party)).toEqual(["beta"]);
  };
  await expectRefused();
  await f.party("alpha").stop();
  await f.party("alpha").start();
  await expectRefused();
  const other = await f.client("other");
  expect((await other.query("a text").result).parties.map(({ status }) => status)).toEqual(["answered", "answered"]);
});

test("in a vertical federation the refusal names the party, and there is no total", async () => {
  const path = join(folder.path, "vertical.json");
  const text = { e0: "one text" };
  await using f = await TestFederation.start({
    corpora: { texts: text, titles: text },
    alignment: ["e0"],
    queryBudgets: { texts: () => new QueryBudget({ path, max: 1, days: 30, wallClock: Date.now }) },
  });
  const asker = await f.client();
  expect((await asker.query("one").result).passages).toHaveLength(1);
  const { parties, passages } = await asker.query("one").result;
  expect(passages).toEqual([]);
  expect(parties.find(({ party }) => party === "texts")?.fault?.code).toBe("QUERY_BUDGET_SPENT");
});

test("sotto node refuses a budget that is no number of questions", async () => {
  await expectUsageError(["node", "--query-budget", "0"], /--query-budget.*whole number from 1/);
});
