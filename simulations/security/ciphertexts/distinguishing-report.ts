import { type Advantage, type Labelled, distinguish } from "../advantage.ts";
import type { AttackResult, Chart, Finding } from "../attack.ts";
import { byLogistic } from "../logistic-regression.ts";
import type { Flaw } from "./broken-encryption.ts";

/** Statistics of one ciphertext, and which of the two questions it is of. */
export type Trial = Labelled<readonly number[]>;

/** Trials of the three games: ciphertexts of two pairs of questions, and those of the first pair together with answers. */
export interface Played {
  readonly different: readonly Trial[];
  readonly sparse: readonly Trial[];
  readonly rows: readonly Trial[];
}

const SETTINGS: Readonly<Record<keyof Played, string>> = {
  different: "two most different questions, ciphertext",
  sparse: "one coordinate or nothing, ciphertext",
  rows: "two most different questions, ciphertext and answers on chosen rows",
};

/** At least three standard errors of 1,000 guesses, seven of 5,000, so that chance does not count as success; broken encryption has all. */
const THRESHOLD = 0.1;
const LEARNT = [25, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000];

/**
 * @param ours - Of the product.
 * @param clear - The same with nothing encrypted.
 * @param flawed - Of the first game, with a part of the encryption left out.
 */
export function reportDistinguishing(
  ours: Played,
  clear: Played,
  flawed: ReadonlyMap<Flaw, readonly Trial[]>,
): AttackResult {
  const powers = new Map([...flawed].map(([flaw, trials]) => [flaw, advantage(trials).value]));
  const findings = (["different", "sparse", "rows"] as const).map((name): Finding => {
    const { value, interval } = advantage(ours[name]);
    return {
      mode: "private",
      setting: SETTINGS[name],
      metric: "distinguishing advantage",
      value,
      interval,
      baseline: advantage(clear[name]).value,
      baselineIs: "clear mode",
      guessing: 0,
      threshold: THRESHOLD,
      direction: "above",
      note: `${String(ours[name].length)} trials, half of them to learn from`,
    };
  });
  return { findings, charts: [learningCurve(ours.different, flawed)], words: wordsOf(findings, powers) };
}

function advantage(trials: readonly Trial[], learntCount?: number): Advantage {
  return distinguish(trials, byLogistic, learntCount);
}

function learningCurve(ours: readonly Trial[], flawed: ReadonlyMap<Flaw, readonly Trial[]>): Chart {
  const line = (name: string, trials: readonly Trial[]): Chart["lines"][number] => ({
    name,
    points: LEARNT.filter((count) => count <= trials.length / 2).map((count) => [
      count,
      advantage(trials, count).value,
    ]),
  });
  return {
    title: "Telling two chosen questions apart",
    x: { title: "trials learnt on", log: true },
    y: { title: "distinguishing advantage", domain: [-0.1, 1] },
    lines: [line("private", ours), ...[...flawed].map(([flaw, trials]) => line(flaw, trials))],
  };
}

function wordsOf(findings: readonly Finding[], powers: ReadonlyMap<Flaw, number>): string[] {
  const misses = findings.filter(({ interval }) => interval![0] > 0 || interval![1] < 0).length;
  const largest = Math.max(...findings.map(({ value }) => Math.abs(value)));
  const flaws = [...powers].map(([flaw, value]) => `${flaw}: ${value.toFixed(2)}`).join("; ");
  return [
    largest >= THRESHOLD
      ? `Somebody who sees the encrypted question tells which of two was asked, with an advantage of up to ${largest.toFixed(3)}. That must not be; please report it.`
      : `Whoever carries and computes on an encrypted question could not tell which of two questions of its own choice it was: the largest advantage over a coin is ${largest.toFixed(3)}, ${misses === 0 ? "and every 95 % interval contains 0" : `though ${String(misses)} of ${String(findings.length)} 95 % intervals do not contain 0, as one in twenty does by chance`}.`,
    `The same distinguisher succeeds where the encryption is broken on purpose (${flaws}), so it looks in the right places. It cannot show that no better one exists: that rests on the ring-LWE assumption.`,
  ];
}
