import { describe, expect, test } from "@jest/globals";
import { mean } from "../../simulations/metrics.ts";
import { normalDraw } from "../../simulations/hashvfl/randomness.ts";
import { type Matrix, matrixOf } from "../../simulations/sealing/matrix.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { type Finding, succeeds } from "../../simulations/security/attack.ts";
import { averagingErrors, errorOfTheMean } from "../../simulations/security/host/averaging.ts";
import { analyseQueries } from "../../simulations/security/host/query-analysis.ts";
import { bestLinks, likenesses, measureLinks, sharedRows } from "../../simulations/security/host/question-links.ts";
import { accuracy, guessTopics } from "../../simulations/security/host/question-topics.ts";
import { toyLab } from "./toy-lab.ts";

const WIDTH = 16;

const random = seededRandom(5);
const draw = (rows: number, scale = 1): Matrix =>
  matrixOf(
    Array.from({ length: rows }, () => Float32Array.from({ length: WIDTH }, () => scale * normalDraw(random))),
    WIDTH,
  );
const sum = (a: Matrix, b: Matrix): Matrix => ({ ...a, data: a.data.map((x, i) => x + b.data[i]!) });
const next = (count: number): number[] => Array.from({ length: count }, (_, i) => (i + 1) % count);

describe("linking", () => {
  const links = (asked: Matrix, again: Matrix, noiseVariance: number) =>
    bestLinks(
      likenesses({ asked, again, stored: draw(50), noiseVariance }).map((likeness) =>
        measureLinks(likeness, next(asked.rows)),
      ),
    );

  test("finds questions that come back as they were, and guesses at unrelated ones", () => {
    const asked = draw(200);
    expect(links(asked, asked, 0).repeated).toBe(1);
    expect(Math.abs(links(asked, draw(200), 0).repeated - 0.5)).toBeLessThan(0.08);
  });

  test("sees through noise better by the filter, where questions lie in few directions", () => {
    const flat = draw(200);
    for (let i = 0; i < flat.data.length; i++) if (i % WIDTH > 2) flat.data[i]! *= 0.05;
    const [asked, again] = [sum(flat, draw(200, 0.7)), sum(flat, draw(200, 0.7))];
    const all = likenesses({ asked, again, stored: draw(50), noiseVariance: 0.49 });
    const [, unfiltered, filtered] = all.map((likeness) => measureLinks(likeness, next(200)).repeated);
    expect(filtered).toBeGreaterThan(unfiltered! + 0.01);
  });

  test("tells pairs of questions that are alike from others", () => {
    const pairs = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? i + 1 : i - 1));
    const likeness = (i: number, j: number): number =>
      -Math.abs(Math.floor(i / 2) - Math.floor(j / 2)) - Number(i !== j) / 2;
    expect(measureLinks(likeness, pairs)).toEqual({ repeated: 1, repeatedFromAlike: 1, alike: 1 });
  });

  test("by rows: the same ones, none, and rare ones more than those everybody gets", () => {
    const likeness = sharedRows(
      [
        [0, 1],
        [0, 2],
      ],
      [
        [0, 1],
        [0, 3],
      ],
    );
    expect(likeness(0, 0)).toBeCloseTo(1, 12);
    // Only row 0, which everybody gets, is shared.
    expect(likeness(0, 1)).toBeLessThan(0.4);
    expect(sharedRows([[1], [2]], [[3], [1]])(0, 0)).toBe(0);
  });
});

test("the error of an average falls with the root of its askings", async () => {
  const exact = draw(30);
  const errors = await averagingErrors(
    () => sum(exact, draw(30, 0.5)),
    exact,
    [1, 25],
    () => Promise.resolve(),
  );
  expect(mean(errors.get(1)!) / mean(errors.get(25)!)).toBeCloseTo(5, 0);
  expect(errorOfTheMean(matrixOf([Float32Array.of(1, 0), Float32Array.of(-1, 0)], 2))).toBe(1);
});

describe("topics", () => {
  const ofRow = Array.from({ length: 120 }, (_, i) => i % 3);
  const centres = draw(3, 5);
  const stored = sum(
    matrixOf(
      ofRow.map((topic) => centres.data.slice(topic * WIDTH, (topic + 1) * WIDTH)),
      WIDTH,
    ),
    draw(120),
  );
  const rows = Array.from({ length: 90 }, (_, i) => [i, i + 3, i + 6]);
  const known = Array.from({ length: 30 }, (_, i) => i);

  test("are named where they show, and guessed where questions have nothing to do with their rows", () => {
    const topics = { ofRow, known, count: 3, ofQuestion: rows.map(([first]) => ofRow[first!]!) };
    expect(accuracy(guessTopics(topics, { stored, rows, inOrder: true }))).toBe(1);
    const unrelated = { ...topics, ofQuestion: rows.map(() => Math.floor(3 * random())) };
    expect(Math.abs(accuracy(guessTopics(unrelated, { stored, rows, inOrder: false })) - 1 / 3)).toBeLessThan(0.15);
  });
});

describe("the attack on the demo's questions", () => {
  const sizes = { rows: 100, coordinates: 1e6, questions: 40, betas: [], noises: [], averaged: 5 };
  const attack = async (epsilon: number | null): Promise<readonly Finding[]> => {
    await using lab = toyLab("query-analysis", { encoders: ["lexical:64"], epsilon });
    const { findings } = await analyseQueries(lab, sizes);
    for (const one of findings) expect(succeeds(one.baseline, one)).toBe(true);
    expect(new Set(findings.map(({ mode, setting, metric }) => `${mode} ${setting} ${metric}`)).size).toBe(
      findings.length,
    );
    return findings;
  };

  test("links repeated questions without DistanceDP, and averages its noise away", async () => {
    const findings = await attack(null);
    expect(findings[0]).toMatchObject({ mode: "outsourced", setting: "", metric: "repeated question linked (AUC)" });
    expect(findings[0]!.value).toBeGreaterThan(0.99);
    const error = findings.find(({ setting, metric }) => setting === "epsilon 64" && metric.startsWith("error"));
    // Noise as long as the question, a thirtieth of its variance left, and CAPRISE's.
    expect(error?.value).toBeGreaterThan(0.15);
    expect(error?.value).toBeLessThan(0.22);
    expect(findings.find(({ mode }) => mode === "double")?.value).toBeGreaterThan(0.95);
  });

  test("links nothing under noise fifty times as long as a question, but by rows in double", async () => {
    const findings = await attack(64 / 50);
    expect(findings[0]?.value).toBeLessThan(0.7);
    expect(findings.find(({ mode }) => mode === "double")?.value).toBeGreaterThan(0.95);
  });
});
