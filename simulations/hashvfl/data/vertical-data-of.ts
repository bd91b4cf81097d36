import type { Samples } from "./samples.ts";
import type { SplitOptions } from "./options.ts";
import { splitRows } from "./split-rows.ts";
import { standardise } from "./standardise.ts";
import type { VerticalData, VerticalSplit } from "../vertical-data.ts";

/**
 * Splits the rows first, by class, and only then fits any scaling, to the training rows.
 *
 * @throws Fault CLASS_COUNT, CLASS_MISSING, NOT_FINITE, TOO_MANY_CATEGORIES.
 */
export function verticalDataOf(samples: Samples, { seed = 0, testShare = 0.2 }: SplitOptions): VerticalData {
  const { classes, labels, train, test } = splitRows(samples.labels, seed, testShare);
  const parties = samples.parties.map((party) => standardise(party, train, [train, test]));
  const split = (rows: Uint32Array, index: number): VerticalSplit => ({
    ids: Array.from(rows, (row) => samples.ids[row]!),
    labels: Uint8Array.from(rows, (row) => labels[row]!),
    features: parties.map(({ features }) => features[index]!),
  });
  return {
    name: samples.name,
    classes,
    parties: parties.map(({ party }) => party),
    train: split(train, 0),
    test: split(test, 1),
  };
}
