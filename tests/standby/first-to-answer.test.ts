import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { Fault } from "../../crypto/index.ts";
import { type Answered, firstToAnswer } from "../../party-node/link/first-to-answer.ts";

const HEDGE_MS = 250;

interface Behaviour {
  /** Until it answers; never when it is not set. */
  readonly afterMs?: number;
  readonly fails?: string;
  readonly isComplete?: boolean;
}

interface Named extends Answered {
  readonly url: string;
}

/** Coordinators that behave so, and what became of them. */
function coordinators(behaviours: Readonly<Record<string, Behaviour>>) {
  const dialled: string[] = [];
  const closed: string[] = [];
  const open = async (url: string, signal: AbortSignal): Promise<Named> => {
    dialled.push(url);
    const { afterMs = 60_000, fails, isComplete = true } = behaviours[url]!;
    await sleep(afterMs, undefined, { signal }).catch(() => {
      closed.push(url);
      throw new Fault("CONNECTION_LOST", "given up");
    });
    if (fails !== undefined) throw new Fault(fails, `${url} fails`);
    return { url, isComplete, close: () => closed.push(url) };
  };
  const run = () => firstToAnswer({ urls: Object.keys(behaviours), open, hedgeMs: HEDGE_MS });
  return { dialled, closed, run };
}

describe("of several coordinators", () => {
  test("the first is taken, and no other is dialled, when it answers soon", async () => {
    const { run, dialled, closed } = coordinators({ a: { afterMs: 5 }, b: { afterMs: 0 } });
    expect((await run()).url).toBe("a");
    await sleep(2 * HEDGE_MS);
    expect([dialled, closed]).toEqual([["a"], []]);
  });

  test("one that says nothing is passed by after its time, and given up when the next has answered", async () => {
    const { run, closed } = coordinators({ a: {}, b: { afterMs: 0 } });
    const began = performance.now();
    expect((await run()).url).toBe("b");
    expect(performance.now() - began).toBeGreaterThanOrEqual(HEDGE_MS - 5);
    await sleep(1);
    expect(closed).toEqual(["a"]);
  });

  test("one that is slow wins all the same when it is the first to answer", async () => {
    const { run, closed } = coordinators({ a: { afterMs: 2 * HEDGE_MS }, b: {} });
    expect((await run()).url).toBe("a");
    await sleep(1);
    expect(closed).toEqual(["b"]);
  });

  test("one that refuses is passed by at once", async () => {
    const { run } = coordinators({ a: { afterMs: 0, fails: "CONNECTION_REFUSED" }, b: { afterMs: 0 } });
    const began = performance.now();
    expect((await run()).url).toBe("b");
    expect(performance.now() - began).toBeLessThan(HEDGE_MS);
  });

  test("one that does not reach all parties is taken only when no other does", async () => {
    const some = { afterMs: 0, isComplete: false };
    const better = coordinators({ a: some, b: { afterMs: 0 } });
    expect((await better.run()).url).toBe("b");
    expect(better.closed).toEqual(["a"]);
    const alike = coordinators({ a: some, b: some, c: { afterMs: 0, fails: "CONNECTION_REFUSED" } });
    expect((await alike.run()).url).toBe("a");
    expect(alike.closed).toEqual(["b"]);
    expect((await coordinators({ a: some, b: {} }).run()).url).toBe("a");
  });

  test("when all fail it is said of each, under the code of the first", async () => {
    const { run } = coordinators({
      a: { afterMs: 20, fails: "NOT_A_MEMBER" },
      b: { afterMs: 0, fails: "CONNECTION_REFUSED" },
    });
    await expect(run()).rejects.toMatchObject({
      code: "NOT_A_MEMBER",
      message: "none of 2 coordinators can be reached: a fails; b fails",
    });
    const alone = coordinators({ a: { afterMs: 0, fails: "NOT_A_MEMBER" } });
    await expect(alone.run()).rejects.toMatchObject({ code: "NOT_A_MEMBER", message: "a fails" });
  });
});
