import { describe, expect, test } from "@jest/globals";
import { type Labelled, advantageOf, distinguish } from "../../simulations/security/advantage.ts";
import { byLogistic } from "../../simulations/security/logistic-regression.ts";
import { balancedLabels, byLooks } from "../../simulations/security/wire/distinguishing.ts";
import { type TimedFrame, looks } from "../../simulations/security/wire/transcript.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";

const random = seededRandom(5);

/** As many of either in each half, as an attack has them. */
function trials<Seen>(count: number, seen: (label: 0 | 1) => Seen): Labelled<Seen>[] {
  return [...balancedLabels(count / 2, random), ...balancedLabels(count / 2, random)].map((label) => ({
    label,
    seen: seen(label),
  }));
}

/** Standard normal, nearly. */
const noise = (): number => Array.from({ length: 12 }, random).reduce((sum, x) => sum + x, -6);

describe("a distinguisher", () => {
  test("knows everything by what only one question causes, and nothing by what both do", () => {
    expect(
      distinguish(
        trials(40, (label) => [`size ${label}`]),
        byLooks,
      ).value,
    ).toBe(1);
    expect(
      distinguish(
        trials(40, () => ["the same"]),
        byLooks,
      ),
    ).toMatchObject({ value: 0 });
  });

  test("looks roughly where exact sizes are new to it", () => {
    let number = 0;
    expect(
      distinguish(
        trials(40, (label) => [`${number++}`, `rough ${label}`]),
        byLooks,
      ).value,
    ).toBe(1);
  });

  test("finds a difference between times in noise, and none where there is none", () => {
    const apart = distinguish(
      trials(400, (label) => [noise(), noise() + 2 * label]),
      byLogistic,
    );
    // Two normal distributions two deviations apart: at best 2 Phi(1) - 1 = 0.68.
    expect(apart.value).toBeGreaterThan(0.55);
    expect(apart.value).toBeLessThan(0.8);
    const same = distinguish(
      trials(400, () => [noise(), noise()]),
      byLogistic,
    );
    expect(same.interval[0]).toBeLessThan(0);
    expect(same.interval[1]).toBeGreaterThan(0);
  });

  test("has an interval as Wilson's: 80 of 100", () => {
    const { value, interval, chance } = advantageOf(80, 100);
    expect(value).toBeCloseTo(0.6);
    // 0.711 to 0.867 of the trials.
    expect(interval.map((end) => end.toFixed(2))).toEqual(["0.42", "0.73"]);
    expect(chance).toBeCloseTo(0.196);
  });
});

test("looks are of counts, types, sizes, and order at each member, not of times or who was first", () => {
  const frame = (peer: string, bytes: number, at: number): TimedFrame => ({
    peer,
    bytes,
    at,
    direction: "in",
    type: "answer",
  });
  const [first, other] = [frame("alpha", 100, 1), frame("beta", 200, 2)];
  const of = (...frames: TimedFrame[]) => looks({ frames, found: [] })[0];
  expect(of(first, other)).toBe(of(other, { ...first, at: 9 }));
  expect(of(first, other)).not.toBe(of(first, { ...other, bytes: 201 }));
  expect(of(first, other)).not.toBe(of(first, other, other));
  expect(of(first, frame("alpha", 300, 2))).not.toBe(of(frame("alpha", 300, 2), first));
  expect(looks({ frames: [first], found: [] })[1]).toBe(looks({ frames: [{ ...first, bytes: 101 }], found: [] })[1]);
});
