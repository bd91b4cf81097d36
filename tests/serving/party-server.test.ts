import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { pino } from "pino";
import { Fault, LocalShard, RlweIndex } from "../../crypto/index.ts";
import { PartyServer } from "../../party-node/serving/index.ts";
import { fault } from "../crypto/support.ts";
import { TestFederation, until } from "../support/federation.ts";

test("a party whose scoring thread dies leaves the federation and says why", async () => {
  await using f = await TestFederation.start({ corpora: { alpha: { one: "a text" } }, absent: ["alpha"] });
  const party = f.party("alpha");
  const death = Promise.withResolvers<Fault>();
  class MortalShard extends LocalShard {
    override readonly failed = death.promise as Promise<never>;
  }
  const index = new RlweIndex(f.layout, { openShard: () => new MortalShard(f.layout, party.keys.hintKey) });
  const store = party.openStore();
  const lines: string[] = [];
  const server = new PartyServer({
    identity: party.identity,
    federation: f.federation,
    store,
    index,
    coordinatorUrls: [f.url],
    log: pino({ level: "warn" }, { write: (line: string) => void lines.push(line) }),
  });
  let isServing = false;
  const ended = expect(server.run(() => (isServing = true))).rejects.toEqual(fault("SCORING_THREAD_ENDED"));
  await until(() => isServing);
  death.resolve(new Fault("SCORING_THREAD_ENDED", "a scoring thread has ended"));
  await ended;
  store.close();
  // Nothing of it goes on, on a store that is closed.
  await sleep(700);
  expect(lines).toEqual([]);
});
