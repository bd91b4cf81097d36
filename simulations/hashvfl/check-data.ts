import { trainingFault } from "./fault.ts";
import { PARTIES_MAX, PARTIES_MIN } from "./settings.ts";
import type { SplitName } from "./training-party.ts";
import type { VerticalData } from "./vertical-data.ts";

/**
 * Refuses data that cannot be trained on, before any work.
 *
 * @throws Fault PARTIES_OUT_OF_RANGE, ROWS_MISALIGNED, CLASS_MISSING, NOT_FINITE.
 */
export function checkData(data: VerticalData): void {
  const { parties, classes, name } = data;
  if (parties.length < PARTIES_MIN || parties.length > PARTIES_MAX)
    throw trainingFault(
      "PARTIES_OUT_OF_RANGE",
      `${name} is of ${parties.length} parties; a simulation takes from ${PARTIES_MIN} to ${PARTIES_MAX}`,
    );
  for (const split of ["train", "test"] as const) checkSplit(data, split);
  const counts = classCounts(data.train.labels, classes.length);
  const missing = classes.filter((_, i) => counts[i] === 0);
  if (missing.length > 0 || classes.length < 2)
    throw trainingFault(
      "CLASS_MISSING",
      classes.length < 2
        ? `${name} has one class only; there is nothing to tell apart`
        : `no training row of ${name} is of class ${missing.join(", ")}; take more rows, or leave the class out`,
    );
}

/** Rows of each class. */
export function classCounts(labels: Uint8Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]!++;
  return counts;
}

function checkSplit(data: VerticalData, split: SplitName): void {
  const { labels, ids, features } = data[split];
  const rows = labels.length;
  const where = `the ${split} rows of ${data.name}`;
  if (rows === 0 || ids.length !== rows || features.length !== data.parties.length)
    throw trainingFault(
      "ROWS_MISALIGNED",
      `${where}: ${rows} labels, ${ids.length} ids, features of ${features.length} parties`,
    );
  if (labels.some((label) => label >= data.classes.length))
    throw trainingFault("CLASS_MISSING", `${where} have a label that is none of the ${data.classes.length} classes`);
  for (const [i, party] of data.parties.entries()) {
    const values = features[i]!;
    if (party.features.length === 0 || values.length !== rows * party.features.length)
      throw trainingFault(
        "ROWS_MISALIGNED",
        `${party.name} holds ${values.length} values for ${where}, not ${rows} x ${party.features.length}`,
      );
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw trainingFault(
        "NOT_FINITE",
        `feature ${party.features[bad % party.features.length]!} of ${party.name} is not a finite number in row ${Math.floor(bad / party.features.length) + 1} of ${where}; fill or drop such rows`,
      );
  }
}
