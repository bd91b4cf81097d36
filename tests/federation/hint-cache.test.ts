import { readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { HintCache } from "../../party-node/asking/index.ts";
import type { DescribedBlock } from "../../protocol/index.ts";
import { TestFederation } from "../support/federation.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { corpus } from "./corpora.ts";
import { lyingParty } from "./lying-party.ts";

const block = (number: number, version: string): DescribedBlock => ({
  block: number,
  version,
  occupied: Uint8Array.of(1),
  hint: new Uint8Array(100).fill(number),
  passages: new Uint8Array(32),
});
const blocks = [block(0, "a"), block(1, "b")];

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  folder[Symbol.dispose]();
});
const files = (): string[] => readdirSync(folder.path);
const file = (): string => join(folder.path, "alpha.hints");

test("a client that comes again downloads only what has changed since it was closed", async () => {
  const before = corpus("alpha", 200);
  await using f = await TestFederation.start({ corpora: { alpha: before } });
  /** Hints that a client downloads from connecting to having asked once. */
  const hintsDownloaded = async (): Promise<number> => {
    let bytes = 0;
    const client = await f.client("asker", {
      hintCache: new HintCache(folder.path),
      observer: (frame) => {
        if (frame.direction === "in" && frame.type === "relay") bytes += frame.bytes;
      },
    });
    const connecting = bytes;
    expect((await client.query("fghi alpha").result).passages).toHaveLength(5);
    client.close();
    return Math.floor(connecting / f.layout.hintBytes);
  };
  expect(await hintsDownloaded()).toBeGreaterThan(5);
  expect(await hintsDownloaded()).toBe(0);
  await f.party("alpha").stop();
  await f.party("alpha").ingest({ ...before, fresh: "entirely new" });
  await f.party("alpha").start();
  expect(await hintsDownloaded()).toBe(1);
});

test("a party that kept its hints to itself once is served by the next client, for nothing of it was remembered", async () => {
  await using f = await TestFederation.start({ corpora: { alpha: corpus("alpha", 40) }, absent: ["alpha"] });
  const ask = async (): Promise<number> => {
    const client = await f.client("asker", { hintCache: new HintCache(folder.path) });
    const { passages } = await client.query("fghi alpha").result;
    client.close();
    return passages.length;
  };
  const stopLying = await lyingParty(f, "alpha", { describe: (truth) => ({ ...truth, hint: new Uint8Array(0) }) });
  expect(await ask()).toBe(0);
  await stopLying();
  await f.party("alpha").start();
  expect(await ask()).toBe(5);
});

describe("hints on disk", () => {
  test("are written when the client closes, not each time they change, and come back", () => {
    const cache = new HintCache(folder.path);
    cache.save("alpha", [block(0, "old")]);
    cache.save("alpha", blocks);
    expect(files()).toEqual([]);
    cache.flush();
    expect(files()).toEqual(["alpha.hints"]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(new HintCache(folder.path).load("alpha")).toEqual(blocks);
  });

  test("are written after a while by a client that stays open, the latest", async () => {
    const cache = new HintCache(folder.path, { saveDelayMs: 50 });
    cache.save("alpha", [block(0, "old")]);
    cache.save("alpha", blocks);
    await sleep(150);
    expect(new HintCache(folder.path).load("alpha")).toEqual(blocks);
    cache.save("alpha", [block(0, "new")]);
    await sleep(150);
    expect(new HintCache(folder.path).load("alpha")).toEqual([block(0, "new")]);
  });

  test("may be those of a party that has more blocks than any one message describes", () => {
    const cache = new HintCache(folder.path);
    const many = Array.from({ length: 3000 }, (_, i) => ({ ...block(i, String(i)), hint: new Uint8Array(1) }));
    cache.save("alpha", many);
    cache.flush();
    expect(new HintCache(folder.path).load("alpha")).toHaveLength(3000);
  });

  test("are not written again when they are those of the file", () => {
    const cache = new HintCache(folder.path);
    cache.save("alpha", blocks);
    cache.flush();
    const { ino } = statSync(file());
    const next = new HintCache(folder.path);
    next.save("alpha", next.load("alpha").toReversed());
    next.flush();
    expect(statSync(file()).ino).toBe(ino);
  });

  test("damaged, cut short, foreign or gone are as good as none", () => {
    const cache = new HintCache(folder.path);
    cache.save("alpha", blocks);
    cache.flush();
    const whole = readFileSync(file());
    const load = (): unknown => new HintCache(folder.path).load("alpha");
    writeFileSync(
      file(),
      whole.map((byte, i) => (i === whole.length - 5 ? byte ^ 1 : byte)),
    );
    expect(load()).toEqual([]);
    writeFileSync(file(), whole);
    expect(load()).toEqual(blocks);
    truncateSync(file(), whole.length - 50);
    expect(load()).toEqual([]);
    writeFileSync(file(), "hello");
    expect(load()).toEqual([]);
    expect(new HintCache(folder.path).load("beta")).toEqual([]);
  });
});
