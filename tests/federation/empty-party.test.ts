import { expect, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import { TestFederation } from "../support/federation.ts";
import { corpus } from "./corpora.ts";

test("a party without passages is spared the question, until it has some", async () => {
  await using f = await TestFederation.start({ corpora: { full: corpus("full", 40), hollow: {} } });
  const asked: string[][] = [];
  const client = await f.client("asker");
  const hollow = async (): Promise<{ status?: string; passagesScored?: number }> => {
    const { parties } = await client.query("a question of letters").result;
    asked.push(parties.map(({ party }) => party).sort());
    return parties.find(({ party }) => party === "hollow") ?? {};
  };
  expect(await hollow()).toMatchObject({ status: "answered", passagesScored: 0 });
  await f.party("hollow").ingest(corpus("hollow", 3));
  // One after the other, so that none is under way when the federation ends.
  while ((await hollow()).passagesScored !== 3) await sleep(100);
  for (const parties of asked) expect(parties).toEqual(["full", "hollow"]);
});

test("a question to nobody but empty parties is not even encrypted", async () => {
  await using f = await TestFederation.start({ corpora: { hollow: {} } });
  let up = 0;
  const client = await f.client("asker", {
    observer: ({ direction, bytes }) => {
      if (direction === "out") up += bytes;
    },
  });
  await client.warm();
  const before = up;
  expect(await client.query("a question of letters").result).toMatchObject({
    passages: [],
    parties: [{ party: "hollow", status: "answered", passagesScored: 0 }],
  });
  expect(up - before).toBeLessThan(f.layout.queryBytes / 10);
});
