import { describe, expect, test } from "@jest/globals";
import { RlweAsker } from "../../crypto/secret/index.ts";
import { distinguish } from "../../simulations/security/advantage.ts";
import { wilsonInterval } from "../../simulations/security/confidence.ts";
import { FLAWS, UnsafeEncryption } from "../../simulations/security/ciphertexts/broken-encryption.ts";
import { ChosenRows } from "../../simulations/security/ciphertexts/chosen-rows.ts";
import { type Trial, reportDistinguishing } from "../../simulations/security/ciphertexts/distinguishing-report.ts";
import { byLogistic } from "../../simulations/security/logistic-regression.ts";
import { PublicRing, inverses, sum } from "../../simulations/security/ciphertexts/ring.ts";
import {
  ciphertextStatistics,
  questionView,
  reasked,
  stepBetween,
  viewOf,
  withoutQuestion,
} from "../../simulations/security/ciphertexts/statistics-of-ciphertexts.ts";
import { multiplyModulo } from "../../crypto/rlwe/ntt-tables.ts";
import { layoutOf, seeded } from "../crypto/support.ts";

const random = seeded(5);
const coin = (): 0 | 1 => (random.uniform() < 0.5 ? 0 : 1);
const layout = layoutOf(16, 16, { scoreBits: 14 });
const ring = new PublicRing(layout);
const questions = [random.vector(16), random.vector(16)] as const;
const pair = [questionView(ring, questions[0]), questionView(ring, questions[1])] as const;

/** Trials of the game under an encryption, chunks in NTT form. */
async function play(
  encrypt: (embedding: Float32Array) => readonly Uint32Array[] | Promise<readonly Uint32Array[]>,
  count: number,
): Promise<Trial[]> {
  const earlier = [withoutQuestion(viewOf(ring, await encrypt(questions[0])), pair[0])];
  const trials: Trial[] = [];
  for (let i = 0; i < count; i++) {
    const bit = coin();
    const view = viewOf(ring, await encrypt(questions[bit]));
    trials.push({ seen: ciphertextStatistics(view, pair, earlier), label: bit });
  }
  return trials;
}

describe("the distinguisher", () => {
  test.each(FLAWS)("succeeds on encryption with a flaw: %s", async (flaw) => {
    using unsafe = new UnsafeEncryption(ring, flaw);
    // 160 trials gave 1 in each of 40 repetitions; half as many gave .9 in one of twenty.
    expect(distinguish(await play((question) => unsafe.encrypt(question), 160), byLogistic).value).toBeGreaterThan(0.8);
  });

  test("guesses where the product's own class encrypts", async () => {
    const asker = new RlweAsker(layout, { poolSize: 0 });
    const trials = await play(async (question) => {
      const { query, secrets } = await asker.ask(question);
      secrets[Symbol.dispose]();
      return ring.unpack(query);
    }, 240);
    asker.close();
    // 120 guesses: 0.45 is five standard errors.
    expect(Math.abs(distinguish(trials, byLogistic).value)).toBeLessThan(0.45);
  });

  test("learns what is there and nothing from noise", () => {
    const trials = (signal: number): Trial[] =>
      Array.from({ length: 2000 }, () => {
        const bit = coin();
        return { seen: [7, random.normal(), random.normal() + signal * (2 * bit - 1)], label: bit };
      });
    const { interval } = distinguish(trials(0), byLogistic);
    expect(interval[0]).toBeLessThan(0);
    expect(interval[1]).toBeGreaterThan(0);
    // The best guess is right with the probability that a standard normal is below 1: .8413.
    expect(distinguish(trials(1), byLogistic).value).toBeCloseTo(0.683, 1);
  });

  test("Wilson's interval: 81 of 263 (Newcombe, 1998, table I)", () => {
    const [low, high] = wilsonInterval(81, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
  });
});

describe("what it looks at", () => {
  test("another question under one key is a step away, in every form", () => {
    const mask = random.residues();
    const of = (question: Float32Array): Uint32Array[] => [sum(mask, ring.nttForm(ring.question(question)[0]!))];
    const moved = reasked(viewOf(ring, of(questions[0])), stepBetween(pair[0], pair[1]));
    expect(moved).toEqual(viewOf(ring, of(questions[1])));
  });

  test("inverses are inverses", () => {
    const residues = random.residues(64).with(3, 0);
    const products = inverses(residues).map((inverse, i) => multiplyModulo(inverse, residues[i]!));
    expect([...products]).toEqual(Array.from({ length: 64 }, (_, i) => (i === 3 ? 0 : 1)));
  });

  test("answers on chosen rows tell two questions apart that are not encrypted", async () => {
    const rows = new ChosenRows(ring, new Uint8Array(32));
    await rows.open(...questions);
    const plain = (bit: 0 | 1): Promise<number[]> => rows.statistics(ring.pack(pair[bit].ntt));
    const [first, second] = [await plain(0), await plain(1)];
    await rows.close();
    expect(first.map((value) => -value)).toEqual(second);
    expect(Math.abs(first[0]!)).toBeGreaterThan(0.01);
  });
});

test("an advantage is reported as a success, and the words say so", () => {
  const told = Array.from({ length: 200 }, (_, i): Trial => {
    const bit = i % 2 === 0 ? 0 : 1;
    return { seen: [bit], label: bit };
  });
  const played = { different: told, sparse: told, rows: told };
  const { findings, words } = reportDistinguishing(played, played, new Map([["no error", told]]));
  expect(findings.map(({ value, threshold }) => value >= threshold)).toEqual([true, true, true]);
  expect(words[0]).toContain("That must not be");
});
