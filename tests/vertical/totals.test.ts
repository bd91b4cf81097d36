import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { totalBounds } from "../../crypto/index.ts";
import type { SottoClient } from "../../party-node/asking/client.ts";
import type { PartyOutcome } from "../../party-node/asking/question.ts";
import { corpus } from "../federation/corpora.ts";
import { type Corpus, TestFederation } from "../support/federation.ts";

const QUESTION = "what does anybody say of mnop";
const ENTITIES = 70;

/** What a party holds of the entities e0, e1, ...; some of them it does not have. */
function featuresOf(name: string, lacking: number): Corpus {
  const texts = Object.values(corpus(name, ENTITIES));
  return Object.fromEntries(texts.flatMap((text, i) => (i % lacking === lacking - 1 ? [] : [[`e${String(i)}`, text]])));
}

const features: Readonly<Record<string, Corpus>> = {
  titles: featuresOf("titles", 7),
  texts: { ...featuresOf("texts", 11), elsewhere: "not an entity that all have" },
  tables: featuresOf("tables", 1000),
};
/** One id that nobody has anything for, in the last block, which is not full. */
const alignment = [...Array.from({ length: ENTITIES }, (_, i) => `e${String((i * 29) % ENTITIES)}`), "nobody"];

let f: TestFederation;
let client: SottoClient;
beforeAll(async () => {
  f = await TestFederation.start({ corpora: features, alignment });
  client = await f.client();
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});
const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Sum of the parties' inner products of every entity that some party has, best first. */
async function centralised(question: string): Promise<{ id: string; score: number }[]> {
  const query = await f.encoder.encodeQuery(question);
  const totals = new Map<string, number>();
  for (const party of f.parties.values())
    for (const { documentId, vector } of party.rows()) {
      const score = vector.reduce((sum, entry, i) => sum + entry * (query[i] ?? 0), 0);
      totals.set(documentId, (totals.get(documentId) ?? 0) + score);
    }
  return [...totals].map(([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
}

describe("totals of three parties", () => {
  test("rank as the sum computed in one place, with scores within the stated error", async () => {
    const { passages, parties } = await client.query(QUESTION, { k: 32 }).result;
    const expected = new Map((await centralised(QUESTION)).map(({ id, score }) => [id, score]));
    expect(expected.size).toBe(ENTITIES);
    const { deviation } = totalBounds(f.layout);
    for (const { documentId, score } of passages)
      expect(Math.abs(score - (expected.get(documentId) ?? NaN))).toBeLessThan(6 * deviation);
    // What is not among the 32 best is not better than the last of them, but for the error.
    const last = passages.at(-1)?.score ?? NaN;
    const returned = new Set(passages.map(({ documentId }) => documentId));
    for (const [id, score] of expected) if (!returned.has(id)) expect(score).toBeLessThan(last + 6 * deviation);
    expect(passages).toHaveLength(32);
    expect(parties).toEqual(
      Object.entries(features)
        .map(([party, own]): PartyOutcome => ({
          party,
          status: "answered",
          passagesScored: Object.keys(own).filter((id) => id !== "elsewhere").length,
          ms: expect.any(Number) as unknown as number,
        }))
        .sort((a, b) => (a.party < b.party ? -1 : 1)),
    );
  });

  test("come with each party's part", async () => {
    const { passages } = await client.query(QUESTION).result;
    for (const { documentId, party, text, parts } of passages) {
      const holders = Object.keys(features)
        .filter((name) => features[name]?.[documentId] !== undefined)
        .sort();
      expect(parts).toEqual(
        holders.map((name) => ({ party: name, documentId, title: "", text: features[name]?.[documentId] })),
      );
      expect(party).toBe(holders.join("+"));
      expect(text).toBe(parts?.map((part) => part.text).join("\n\n"));
    }
  });
});
