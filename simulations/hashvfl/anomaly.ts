import { disagreement, disagreementThreshold } from "../../crypto/codes/disagreement.ts";
import { packSigns } from "../../protocol/index.ts";
import { mean } from "../metrics.ts";
import { rocArea } from "./figures.ts";
import { randomFor } from "./randomness.ts";

export interface AnomalyOptions {
  /** What each party released for the test rows, at least two parties; shape [rows, bits] each. Of floats the signs are taken. */
  readonly releases: readonly Float32Array[];
  /** Classes of the test rows. */
  readonly labels: Uint8Array;
  readonly bits: number;
  readonly seed: number;
}

/** How well disagreement tells entities at one of whose parties another entity's features were put from those left alone. */
export interface AnomalyFigures {
  /** Area under the receiver operating characteristic, for features of an entity of another class. */
  readonly auc: number;
  /** The same for features of any other entity. */
  readonly aucAnyClass: number;
  /** At the threshold that the untouched entities' scores give: which share of the planted ones lies above it, and which of the untouched. */
  readonly detected: number;
  readonly falseAlarms: number;
  /** Of features of another class: the share found where so many of the untouched entities, at most, are reported too. */
  readonly roc: readonly { readonly falseAlarmsMax: number; readonly detected: number }[];
}

const FALSE_ALARMS = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** Plants an anomaly in every test row in turn: one party, drawn at random, gives the code of another row. Seeded. */
export function measureAnomalies({ releases, labels, bits, seed }: AnomalyOptions): AnomalyFigures {
  const codes = releases.map((released) => codesOf(released, bits));
  const score = (rowAt: (party: number) => number): number =>
    disagreement(
      codes.map((ofParty, party) => ofParty[rowAt(party)]!),
      bits,
    );
  const benign = Array.from(labels, (_, row) => score(() => row));
  const rows = Array.from(labels.keys());
  const ofOtherClasses = Array.from({ length: Math.max(...labels) + 1 }, (_, label) =>
    rows.filter((row) => labels[row] !== label),
  );
  const planted = (candidates: (row: number) => readonly number[], what: string): number[] => {
    const random = randomFor(seed, "anomalies", what);
    return rows.map((row) => {
      const swapped = Math.floor(random() * codes.length);
      const others = candidates(row);
      const other = others[Math.floor(random() * others.length)] ?? row;
      return score((party) => (party === swapped ? other : row));
    });
  };
  const otherClass = planted((row) => ofOtherClasses[labels[row]!]!, "another class");
  const anyClass = planted(() => rows, "any class");
  const areaAgainstBenign = (scores: readonly number[]): number =>
    rocArea([...benign, ...scores], (i) => i >= benign.length);
  const threshold = disagreementThreshold(benign, bits);
  const above = (scores: readonly number[], limit = threshold): number =>
    mean(scores.map((value) => (value > limit ? 1 : 0)));
  const descending = benign.toSorted((a, b) => b - a);
  return {
    auc: areaAgainstBenign(otherClass),
    aucAnyClass: areaAgainstBenign(anyClass),
    detected: above(otherClass),
    falseAlarms: above(benign),
    roc: FALSE_ALARMS.map((falseAlarmsMax) => {
      const limit = descending[Math.floor(falseAlarmsMax * benign.length)]!;
      return { falseAlarmsMax, detected: above(otherClass, limit) };
    }),
  };
}

function codesOf(released: Float32Array, bits: number): Uint8Array[] {
  return Array.from({ length: released.length / bits }, (_, row) =>
    packSigns(released.subarray(row * bits, (row + 1) * bits)),
  );
}
