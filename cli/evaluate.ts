import { Command, InvalidArgumentError, Option } from "commander";
import { ATTACKS } from "../simulations/security/attacks.ts";
import { DEFAULTS } from "../simulations/security/settings.ts";
import type { EvaluateOptions } from "./evaluate-options.ts";
import { epsilonPerDistance, parseBeta, wholeNumber } from "./options.ts";

const PROCESSES_MAX = 64;

export function evaluateCommand(): Command {
  return new Command("evaluate").description("attack what is here, and print what leaks").addCommand(securityCommand());
}

function securityCommand(): Command {
  return new Command("security")
    .description(
      "run attackers who know the design against every mode, beside the same attacks where nothing protects, and write a report",
    )
    .addOption(new Option("--quick", "two minutes on two cores, in place of a quarter of an hour").default(false))
    .addOption(new Option("--full", "as long as it takes, an hour or more").conflicts("quick").default(false))
    .option("--only <list>", "these attacks, with commas between", parseAttacks)
    .option("--corpus <folder>", "your own collection: a folder with corpus.jsonl; with --queries")
    .option("--queries <file>", "its questions: queries.jsonl with _id and text")
    .option("--qrels <file>", "which passages answer them, if you know: tab-separated query id, document id, grade")
    .option(
      "--data <folder>",
      "public sets: beir/, mnist/, vfl/; default: SOTTO_DATA, ./data or the project's ../shared/data, else the demo's documents",
    )
    .option(
      "--encoder <spec>",
      "lexical, onnx:DIR or hybrid(...); give several, most attacks use the first",
      (spec, previous: readonly string[] | undefined) => [...(previous ?? []), spec],
    )
    .option("--beta <number>", "of hosted collections, a share of the encoder's largest norm", parseBeta, DEFAULTS.beta)
    .option("--epsilon <number>", "of DistanceDP on their questions; default: none", epsilonPerDistance)
    .option("--no-rotation", "hosted collections without the secret rotation")
    .option("--score-bits <bits>", "of a score that a querier learns", wholeNumber(6, 31), DEFAULTS.scoreBits)
    .option("-k <count>", "passages a question fetches", wholeNumber(1, 32), DEFAULTS.k)
    .option(
      "--query-budget <count>",
      "questions one querier may ask of a party; default: what a node allows",
      wholeNumber(1, 1e9),
    )
    .option("--seed <number>", "reproduces every figure but times", wholeNumber(0, 2 ** 31), DEFAULTS.seed)
    .option("--processes <count>", "attacks at a time", wholeNumber(1, PROCESSES_MAX), 2)
    .option("--out <folder>", "for report.html, report.json and report.md; default: a new security-report here")
    .option("--json", "print the report as one JSON object", false)
    .action(async (options: EvaluateOptions) => {
      await (await import("./evaluate-security.ts")).evaluateSecurity(options);
    });
}

function parseAttacks(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !Object.hasOwn(ATTACKS, name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`there is no attack ${unknown}; there are ${Object.keys(ATTACKS).join(", ")}`);
  return [...new Set(names)];
}
