import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { questionVector } from "../../benchmarks/precomputed-encoder.ts";
import type { DocumentRecord } from "../../party-node/store/index.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { type SeenAnswer, SoakCorpus } from "./corpus.ts";
import { type Point, commonSlope } from "./slope.ts";
import { Tally } from "./tally.ts";
import type { EndedQuestion } from "./worker-messages.ts";

const DIM = 16;
const K = 3;
const PARTIES = ["alpha", "beta"];
const QUESTION = 7;

/** A corpus, and the true answer to a question about it, asked a minute after the start. */
function answered(): { corpus: SoakCorpus; answer: SeenAnswer; ranking: SeenAnswer["passages"] } {
  const corpus = new SoakCorpus({ parties: PARTIES, documents: 4, dim: DIM });
  const question = questionVector(QUESTION, DIM);
  const ranking = PARTIES.flatMap((party) =>
    corpus.records(party).flatMap((record) => scored(party, record, question)),
  );
  ranking.sort((a, b) => b.score - a.score);
  const times = { askedAt: 60_000, endedAt: 61_000 };
  const answer = {
    question: QUESTION,
    k: K,
    ...times,
    passages: ranking.slice(0, K),
    complete: PARTIES,
    hasGaps: false,
  };
  return { corpus, answer, ranking };
}

function scored(
  party: string,
  { passages, vectors }: DocumentRecord,
  question: Float32Array,
): SeenAnswer["passages"][number][] {
  return passages.map(({ documentId, text }, i) => ({
    ...{ party, documentId, text },
    score: vectors[i]!.reduce((sum, entry, k) => sum + entry * question[k]!, 0),
  }));
}

describe("an answer is held against a scan", () => {
  test("the true one is not wrong, nor is one that says whose passages are missing", () => {
    const { corpus, answer, ranking } = answered();
    expect(corpus.whatIsWrong(answer)).toBeNull();
    const others = ranking.filter(({ party }) => party === "beta").slice(0, K);
    expect(corpus.whatIsWrong({ ...answer, passages: others, complete: ["beta"] })).toBeNull();
    const left = answer.passages.slice(1);
    const party = answer.passages[0]!.party;
    const complete = PARTIES.filter((name) => name !== party);
    expect(corpus.whatIsWrong({ ...answer, passages: left, complete, hasGaps: true })).toBeNull();
  });

  test.each<[string, (passages: SeenAnswer["passages"]) => SeenAnswer["passages"], RegExp]>([
    ["the best is left out", (all) => all.slice(1, K + 1), /left out/],
    ["fewer than there are", (all) => all.slice(0, K - 1), /left out/],
    ["none", () => [], /left out/],
    ["a score is a hundredth off", (all) => [{ ...all[0]!, score: all[0]!.score + 0.01 }, ...all.slice(1, K)], /inner/],
    ["in another order", (all) => [all[1]!, all[0]!, all[2]!], /order/],
    ["one twice", (all) => [all[0]!, all[0]!, all[1]!], /twice/],
    ["another version", (all) => [{ ...all[0]!, text: "passage 0 in version 1" }, ...all.slice(1, K)], /did not hold/],
  ])("%s", (_, change, says) => {
    const { corpus, answer, ranking } = answered();
    expect(corpus.whatIsWrong({ ...answer, passages: change(ranking) })).toMatch(says);
  });

  test("a replaced document may be in an answer for as long as its party may not have seen it, and no longer", () => {
    const { corpus, answer } = answered();
    const [best] = answer.passages;
    const number = Number(best!.documentId.split("-")[1]);
    corpus.replace(best!.party, [number], { write: () => undefined, now: () => 60_500 });
    expect(corpus.whatIsWrong(answer)).toBeNull();
    expect(corpus.whatIsWrong({ ...answer, askedAt: 90_000, endedAt: 91_000 })).toMatch(/did not hold/);
    corpus.forget(90_000);
    expect(corpus.whatIsWrong(answer)).toMatch(/did not hold/);
  });
});

describe("questions are counted once", () => {
  afterEach(() => void jest.useRealTimers());

  const ended = (question: number, codes: readonly (string | null)[]): EndedQuestion => ({
    ...{ question, ms: 10, passages: [], error: null },
    parties: codes.map((code, i) => ({
      party: PARTIES[i]!,
      status: code === "PARTY_OFFLINE" ? "missing" : "answered",
      code,
    })),
  });

  test("as what they ended as, as abandoned, or as lost", () => {
    jest.useFakeTimers();
    const problems: string[] = [];
    const { corpus } = answered();
    const onProblem = (what: string): void => void problems.push(what);
    const tally = new Tally({ corpus, k: K, lostAfterMs: 1000, checkEvery: 100, onProblem });
    for (let question = 0; question < 7; question++) tally.asked(question < 6 ? "one" : "two", question);
    tally.finished("one", ended(0, [null, null]));
    tally.finished("one", ended(1, [null, "PARTY_OFFLINE"]));
    tally.finished("one", ended(2, ["PARTY_OFFLINE", "PARTY_OFFLINE"]));
    tally.finished("one", { ...ended(3, []), error: { code: "CONNECTION_LOST", isFault: true } });
    tally.finished("one", { ...ended(4, []), error: { code: "UNEXPECTED", isFault: false } });
    tally.gone("two");
    jest.advanceTimersByTime(1001);
    tally.finished("one", ended(5, [null, null]));
    const one = { answeredByAll: 1, answeredPartly: 1, refused: 1, abandoned: 1, lost: 1 };
    expect(tally.counts).toEqual({ asked: 7, failed: 2, ...one });
    expect([tally.unexpected, problems.length, tally.partyCodes.get("PARTY_OFFLINE")]).toEqual([1, 2, 3]);
  });
});

describe("the slope that lives have in common", () => {
  const life = (level: number, slope: number, from: number) =>
    Array.from({ length: 20 }, (_, i) => ({
      x: from + 50 * i,
      y: level + slope * 50 * i + 2000 * Math.sin(7 * i + level),
    }));

  test("is found whatever their levels, and told from none", () => {
    const leak = commonSlope([life(1e6, 1024, 0), life(9e6, 1024, 4000), [{ x: 0, y: 0 }]]);
    expect(Math.abs(leak!.slope - 1024)).toBeLessThan(3 * leak!.standardError);
    expect(leak!.slope - 2 * leak!.standardError).toBeGreaterThan(512);
    const none = commonSlope([life(1e6, 0, 0), life(9e6, 0, 4000)]);
    expect(none!.slope - 2 * none!.standardError).toBeLessThan(512);
    expect(commonSlope([[{ x: 1, y: 1 }]])).toBeNull();
  });

  test("has an error that covers it as often as it should, also where points wander", () => {
    const random = seededRandom(5);
    const wandering = (): Point[] => {
      let error = 0;
      return Array.from({ length: 60 }, (_, i) => {
        error = 0.6 * error + random() - 0.5;
        return { x: i, y: error };
      });
    };
    const slopes = Array.from({ length: 400 }, () => commonSlope([wandering(), wandering()])!);
    const covered = slopes.filter(({ slope, standardError }) => Math.abs(slope) < 2 * standardError).length / 400;
    // 95 % would be right; without the correction it is two thirds.
    expect(covered).toBeGreaterThan(0.9);
  });
});
