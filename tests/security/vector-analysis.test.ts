import { describe, expect, test } from "@jest/globals";
import { mean } from "../../simulations/metrics.ts";
import { type Matrix, matrixOf, norm, row } from "../../simulations/sealing/matrix.ts";
import { lift } from "../../simulations/sealing/tune.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { succeeds } from "../../simulations/security/attack.ts";
import { type PlantedCopies, measureCopies } from "../../simulations/security/host/planted-copies.ts";
import { type Scheme, stored } from "../../simulations/security/host/schemes.ts";
import { analyseVectors } from "../../simulations/security/host/vector-analysis.ts";
import { toyLab } from "./toy-lab.ts";

const DIM = 32;

function randomRows(count: number, random: () => number): Matrix {
  const vectors = Array.from({ length: count }, () => {
    const vector = Float32Array.from({ length: DIM }, () => random() - 0.5);
    const length = norm(vector);
    return vector.map((x) => x / length);
  });
  return matrixOf(vectors, DIM);
}

describe("the same noise, as it is stored", () => {
  const rows = randomRows(400, seededRandom(1));
  const noiseOf = (scheme: Scheme): number => {
    const options = { normMax: 1, beta: 0.8, rotation: false, secret: new Uint8Array(32).fill(7) };
    const [open, found] = [lift(rows, 1), stored(scheme, rows, options)];
    const differences = Array.from({ length: rows.rows }, (_, i) =>
      norm(row(found, i).map((x, j) => x - row(open, i)[j]!)),
    );
    return mean(differences);
  };

  test("is as long as its scheme says, Gaussian noise as CAPRISE's", () => {
    // The mean radius of a point in a ball of n dimensions is n / (n + 1) of the ball's.
    const inBall = (DIM + 1) / (DIM + 2);
    expect(noiseOf("in the open")).toBe(0);
    expect(noiseOf("SAP")).toBeCloseTo((0.8 / 4) * inBall, 3);
    expect(noiseOf("CAPRISE")).toBeCloseTo(((3 * 0.8) / 8) * inBall, 3);
    expect(Math.abs(noiseOf("Gaussian noise") / noiseOf("CAPRISE") - 1)).toBeLessThan(0.02);
  });
});

describe("planted copies", () => {
  const random = seededRandom(2);
  const originals = randomRows(200, random);
  const copied = originals.data.slice(0, 100 * DIM);
  const planted: PlantedCopies = {
    rows: { data: Float32Array.of(...originals.data, ...copied, ...copied), rows: 400, width: DIM },
    originals: 200,
    copied: Array.from({ length: 100 }, (_, i) => i),
    nearestOther: Array.from({ length: 100 }, (_, i) => i + 100),
  };

  test("are all found in the open", () => {
    expect(measureCopies(planted.rows, planted)).toMatchObject({ exact: 1, edited: 1, editedAgainstAny: 1 });
  });

  test("are guessed at where the stored rows say nothing", () => {
    const { exact, edited, intervalOf } = measureCopies(randomRows(400, random), planted);
    expect(Math.abs(exact - 0.5)).toBeLessThan(0.13);
    expect(Math.abs(edited - 0.5)).toBeLessThan(0.13);
    const [low, high] = intervalOf(0.5);
    // Hanley and McNeil's table for 100 and 100: a standard error of about .041.
    expect((high - low) / 2 / 1.96).toBeCloseTo(0.041, 3);
    // Three in a hundred could be wrong without one being seen.
    expect(intervalOf(1)).toEqual([0.97, 1]);
  });
});

test("the attack succeeds on the demo's vectors in the open and says what the host sees", async () => {
  await using lab = toyLab("vector-analysis", { beta: 30, encoders: ["lexical:64"] });
  const sizes = { rows: 100, coordinates: 1e6, copies: 40, betas: [0.1] };
  const { findings, charts = [] } = await analyseVectors(lab, sizes);
  const finding = (metric: RegExp) => findings.find((one) => one.mode === "outsourced" && metric.test(one.metric))!;
  for (const one of findings) expect(succeeds(one.baseline, one)).toBe(true);
  // At a beta that leaves no answers nothing is found; charts start where the vectors are nearly in the open.
  expect(
    succeeds(finding(/^edited copy told from the nearest/).value, finding(/^edited copy told from the nearest/)),
  ).toBe(false);
  expect(finding(/^rank correlation/).value).toBeLessThan(0.1);
  expect(charts).toHaveLength(4);
  for (const { lines } of charts)
    expect(lines.map(({ name }) => name)).toEqual(["in the open", "Gaussian noise", "SAP", "CAPRISE"]);
  expect(charts[0]!.lines[3]!.points[0]![1]).toBeGreaterThan(0.9);
});
