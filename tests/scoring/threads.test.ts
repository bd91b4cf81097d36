import { rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import {
  type BlockDescription,
  type BlockRow,
  Fault,
  type IndexAnswer,
  RlweIndex,
  type ScoringIndex,
  SharedQuery,
} from "../../crypto/index.ts";
import { RlweAsker } from "../../crypto/secret/index.ts";
import { openScoringIndex } from "../../party-node/scoring/index.ts";
import { WorkerShard } from "../../party-node/scoring/worker-shard.ts";
import { encryptedQuery, fault, layoutOf, localIndex, seeded, setBlock } from "../crypto/support.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
// 4 MiB a block: four make a thread, so ten open the second.
const layout = layoutOf(4096, 8);
const hintKey = new Uint8Array(32).fill(5);
const blocks = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const rowsOf = (block: number): BlockRow[] => [{ slot: block, vector: seeded(block).vector(layout.dim) }];

async function load(index: ScoringIndex): Promise<{ restored: number[]; staged: number[] }> {
  const [restored, staged]: [number[], number[]] = [[], []];
  for (const block of blocks) {
    if (await index.restore(block, 100 + block)) restored.push(block);
    else {
      await index.stage(block, rowsOf(block), 100 + block);
      staged.push(block);
    }
  }
  index.commit();
  return { restored, staged };
}

/** Scores by block: the order of blocks is the index's own. */
function byBlock({ blocks: scored, scores }: IndexAnswer): Map<string, string> {
  const bytes = layout.scoreBytesPerBlock;
  return new Map(
    scored.map(({ block, version }, i) => [
      `${block.toString()} ${version}`,
      Buffer.from(scores.subarray(i * bytes, (i + 1) * bytes)).toString("hex"),
    ]),
  );
}

test("two threads answer to the bit as one thread and as none", async () => {
  const query = await encryptedQuery(layout);
  const answers: Map<string, string>[] = [];
  const orders: number[][] = [];
  for (const threads of [0, 1, 2]) {
    const index = openScoringIndex({ layout, hintKey, threads, cachePath: null });
    await load(index);
    const answer = await index.answer(query);
    answers.push(byBlock(answer));
    orders.push(answer.blocks.map(({ block }) => block));
    await index.close();
  }
  expect(answers[0]?.size).toBe(10);
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
  // One list after the other: the second thread was there, and had its part.
  expect(orders[1]).toEqual(blocks);
  expect(orders[2]?.toSorted((a, b) => a - b)).toEqual(blocks);
  expect(orders[2]).not.toEqual(blocks);
});

test("the next index restores every block of the same revision, and makes the others anew", async () => {
  const cachePath = join(folder.path, "scoring.cache");
  const query = await encryptedQuery(layout);
  const first = openScoringIndex({ layout, hintKey, threads: 2, cachePath });
  expect((await load(first)).restored).toEqual([]);
  const expected = byBlock(await first.answer(query));
  const hints = blocks.map((block) => first.describe(block));
  await first.stage(4, [], 200);
  await first.stage(5, rowsOf(5), 201);
  await first.close();

  const second = openScoringIndex({ layout, hintKey, threads: 1, cachePath });
  expect(await load(second)).toEqual({ restored: [0, 1, 2, 3, 6, 7, 8, 9], staged: [4, 5] });
  expect(byBlock(await second.answer(query))).toEqual(expected);
  expect(blocks.map((block) => second.describe(block))).toEqual(hints);
  await second.close();

  truncateSync(cachePath, statSync(cachePath).size - 1);
  const third = openScoringIndex({ layout, hintKey, threads: 2, cachePath });
  expect((await load(third)).staged).toEqual([9]);
  expect(byBlock(await third.answer(query))).toEqual(expected);
  await third.close();
  rmSync(cachePath);
});

/** Along the first axis, as a question is: its score is its length. */
function rowOf(length: number): BlockRow[] {
  const vector = new Float32Array(layout.dim);
  vector[0] = length;
  return [{ slot: 0, vector }];
}

test("commits and failures on three threads show to no query in part, whatever it is asked with", async () => {
  const index = new RlweIndex(layout, {
    openShard: () => new WorkerShard({ layout, hintKey, cachePath: null }),
    shardsMax: 3,
  });
  const asker = new RlweAsker(layout, { poolSize: 0 });
  const { query, secrets } = await asker.ask(rowOf(1)[0]!.vector);
  const descriptions = new Map<string, BlockDescription>();
  const states = new Set([""]);
  const seen = new Set<string>();
  const random = seeded(91);
  let committing = true;

  const stateOf = (lengths: ReadonlyMap<number, number>): string =>
    [...lengths]
      .sort(([a], [b]) => a - b)
      .map(([block, length]) => `${block.toString()}: ${length.toString()}`)
      .join();
  const askOn = async (cancels: boolean): Promise<void> => {
    while (committing) {
      const signal = cancels && random.uniform() < 0.3 ? AbortSignal.timeout(5) : undefined;
      const answer = await index.answer(query, signal).catch((error: unknown) => {
        if (error instanceof Fault && error.code === "ABORTED") return null;
        throw error;
      });
      if (!answer) continue;
      const bytes = layout.scoreBytesPerBlock;
      const lengths = answer.blocks.map(({ block, version }, i): [number, number] => {
        const read = secrets.read(
          "party",
          descriptions.get(version)!,
          answer.scores.subarray(i * bytes, (i + 1) * bytes),
        );
        return [block, Math.round(100 * read[0]!)];
      });
      seen.add(stateOf(new Map(lengths)));
    }
  };
  const asking = [askOn(false), askOn(true), askOn(false)];
  let present = new Map<number, number>();
  for (let round = 0; round < 24; round++) {
    const next = new Map(present);
    const touched = new Set(Array.from({ length: 5 }, () => Math.floor(14 * random.uniform())));
    const staging = [...touched].map(async (block) => {
      // The first rounds fill three threads; later ones also remove.
      const length = round > 6 && random.uniform() < 0.3 ? 0 : 1 + Math.floor(99 * random.uniform());
      if (length === 0) next.delete(block);
      else next.set(block, length);
      const description = await index.stage(block, length === 0 ? [] : rowOf(length / 100));
      if (description) descriptions.set(description.version, description);
    });
    const fails = random.uniform() < 0.2;
    if (fails) staging.push(expect(index.stage(20, rowOf(NaN))).rejects.toEqual(fault("ROW_INVALID")));
    await Promise.all(staging);
    if (fails) {
      index.discard();
      continue;
    }
    states.add(stateOf(next));
    index.commit();
    present = next;
  }
  committing = false;
  await Promise.all(asking);
  for (const state of seen) expect(states).toContain(state);
  expect(seen.size).toBeGreaterThan(10);
  secrets[Symbol.dispose]();
  asker.close();
  await index.close();
}, 60_000);

describe("a thread that ends", () => {
  test("fails what waits for it and what is asked later, by name", async () => {
    const shard = new WorkerShard({ layout: { ...layout, chunks: NaN }, hintKey, cachePath: null });
    const staging = shard.stage(0, rowsOf(0), 1);
    await expect(staging).rejects.toEqual(fault("SCORING_THREAD_ENDED"));
    await expect(shard.score([SharedQuery.of(new Uint32Array(2048))])).rejects.toEqual(fault("SCORING_THREAD_ENDED"));
    const { code, message } = await shard.failed;
    expect([code, message]).toEqual(["SCORING_THREAD_ENDED", expect.stringContaining("(TypeError)")]);
    await shard.close();
  });

  test("because the index was closed ends the queries under way", async () => {
    const index = openScoringIndex({ layout, hintKey, threads: 1, cachePath: null });
    await setBlock(index, 0, rowsOf(0));
    const running = index.answer(await encryptedQuery(layout));
    const refused = expect(running).rejects.toEqual(fault("SCORING_THREAD_ENDED"));
    await index.close();
    await refused;
  });
});

test("a cancelled query is told at once, although its pass goes on", async () => {
  const index = localIndex(layout, hintKey);
  await load(index);
  const query = await encryptedQuery(layout);
  const stop = new AbortController();
  const order: string[] = [];
  const kept = index.answer(query).then(() => order.push("kept"));
  const cancelled = index.answer(query, stop.signal).catch(() => order.push("cancelled"));
  await Promise.resolve();
  stop.abort();
  await Promise.all([kept, cancelled]);
  expect(order).toEqual(["cancelled", "kept"]);
});
