import { plainTable } from "../plain-table.ts";
import type { ExperimentReport, RunReport } from "./experiment.ts";

/** What every run ended at: a row a run. */
export function runsTable({ hashed, baselines }: ExperimentReport): string {
  const table = plainTable([
    "run",
    "accuracy",
    "to unhashed",
    "AUC",
    "bits .45-.55",
    "bits from, to",
    "cosine with\nclass code",
    "between\nparties",
    "seconds",
  ]);
  const unhashed = baselines["unhashed"];
  const row = (name: string, { accuracy, auc, balance, consistency, seconds }: RunReport): string[] => [
    name,
    percent(accuracy),
    unhashed && name !== "unhashed" ? points(accuracy - unhashed.accuracy) : "",
    auc.toFixed(4),
    percent(balance.balanced),
    `${balance.min.toFixed(2)}, ${balance.max.toFixed(2)}`,
    consistency.withClassCode.toFixed(2),
    consistency.betweenParties?.toFixed(2) ?? "",
    seconds.toFixed(0),
  ];
  for (const [name, report] of [["hashed", hashed] as const, ...Object.entries(baselines)])
    table.push(row(name, report));
  return table.toString();
}

/** What the hashed run is, in a sentence above the table. */
export function experimentInWords({ data, settings }: ExperimentReport): string {
  const { rows, parties, classes, majority, name } = data;
  const features = parties.map((party) => `${party.name} (${party.features} features)`).join(", ");
  return (
    `${name}: ${rows.train} training rows, ${rows.test} test rows, ${classes.length} classes (guessing the most frequent: ${percent(majority)}); ` +
    `${features}; codes of ${settings.bits} bits, ${settings.epochs} epochs, seed ${settings.seed}`
  );
}

/** What codes that disagree say, in a sentence below the table. */
export function anomalyInWords({ anomaly: { auc, roc } }: ExperimentReport): string {
  return (
    `Features of an entity of another class at one party: disagreement of the parties' codes tells them from untouched ones with AUC ${auc.toFixed(4)} ` +
    `(${roc
      .filter(({ falseAlarmsMax }) => falseAlarmsMax === 0.01 || falseAlarmsMax === 0.1)
      .map(({ falseAlarmsMax, detected }) => `${percent(detected)} found where ${percent(falseAlarmsMax)}`)
      .join(", ")} of the untouched are reported too)`
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function points(difference: number): string {
  return `${difference < 0 ? "-" : "+"}${(100 * Math.abs(difference)).toFixed(2)}`;
}
