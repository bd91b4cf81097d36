import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SecurityReport } from "../../simulations/security/report.ts";
import { figure, measuredAs } from "../../simulations/security/report-words.ts";

/** What choosing-a-mode.md shows of the security report: attack, mode, and what is measured. */
const SHOWN: readonly (readonly [attack: string, mode: string, measured: string])[] = [
  ["stolen-disk", "private", "vectors found in the files (share)"],
  ["distinguishing", "private", "distinguishing advantage, one coordinate or nothing, ciphertext"],
  ["transcripts", "private", "advantage in telling two questions apart, counts, sizes and order"],
  ["transcripts", "private", "advantage in telling two questions apart, rows that parties are asked to deliver"],
  ["question-probe", "private", "exact match@1 of the question, lexical, honest scores, rows are ordinary passages"],
  ["extraction", "private", "cosine of recovered vectors, lexical, 1024 dimensions, 64 questions"],
  ["vector-analysis", "outsourced", "rank correlation of distances"],
  ["vector-analysis", "outsourced", "share of the 10 nearest rows among 100"],
  ["candidate-ranking", "outsourced", "exact match@1, beta 1, rotated"],
  ["query-analysis", "outsourced", "repeated question linked (AUC)"],
  ["query-analysis", "outsourced", "share of questions whose topic is named from their rows"],
  ["vector-analysis", "double", "share of the 10 nearest rows found"],
  ["query-analysis", "double", "repeated question linked by its rows alone (AUC)"],
  ["query-analysis", "double", "share of questions whose topic is named from their rows"],
];

/** The rows of the page's table, cell by cell, from the report. @throws Error where the report has no such figure. */
export function modeFigures(): string[][] {
  const { attacks } = JSON.parse(
    readFileSync(join(import.meta.dirname, "..", "..", "docs", "security-evaluation.json"), "utf8"),
  ) as SecurityReport;
  return SHOWN.map(([attack, mode, measured]) => {
    const row = attacks.find((one) => one.name === attack && one.mode === mode && measuredAs(one) === measured);
    if (!row) throw new Error(`the report has no ${attack}, ${mode}: ${measured}`);
    const link = `[${attack}](security-evaluation.md#${attack})`;
    return [
      mode,
      `${measured} (${link})`,
      ...[row.value, row.baseline, row.guessing].map((value) => (value === null ? "" : figure(value))),
    ];
  });
}
