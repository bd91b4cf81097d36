import { Command, InvalidArgumentError, Option } from "commander";
import { PRESETS } from "../simulations/hashvfl/data/index.ts";
import { BASELINES, type BaselineName, parseBaselines } from "../simulations/hashvfl/runs.ts";
import { BITS_MAX, PARTIES_MAX, PARTIES_MIN } from "../simulations/hashvfl/settings.ts";
import { dirOption, memberNameArgument, positiveNumber, transcriptOption, wholeNumber } from "./options.ts";
import type { SimulateOptions } from "./simulate-options.ts";
import type { PartyOptions } from "./simulate-party.ts";

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("federations on this machine, to see what a method costs")
    .addCommand(hashvflCommand())
    .addCommand(partyCommand(), { hidden: true });
}

function hashvflCommand(): Command {
  return new Command("hashvfl")
    .description(
      "train on features that lie with several parties, of which only codes leave any (HashVFL), beside baselines",
    )
    .addOption(new Option("--preset <name>", "a set that is known here").choices(PRESETS))
    .option(
      "--data <folder>",
      "where presets lie: mnist/ and vfl/; default: SOTTO_DATA, ./data or the project's ../shared/data",
    )
    .option("--images <file>", "images in idx format, a strip of columns to each party; with --labels")
    .option("--labels <file>", "their labels, in idx format")
    .option("--guest <file>", "CSV of the party that has the labels; with --host")
    .option("--host <file>", "CSV of another party; give several", (text, previous: readonly string[] | undefined) => [
      ...(previous ?? []),
      text,
    ])
    .option("--csv <file>", "one CSV whose columns are dealt out; with --columns and --label")
    .option("--columns <party=a,b,c>", "columns of a party; give several", parseColumns)
    .option("--categorical <a,b,c>", "columns whose text is a category", (text) => text.split(","))
    .option("--label <column>", "column of the class; of --guest `y` by default")
    .option("--id <column>", "column by which rows are joined; of --guest `id` by default")
    .option("--intersect", "of --guest and --host: use the rows whose id all have, in place of refusing", false)
    .option("--parties <count>", "how many share the features", wholeNumber(PARTIES_MIN, PARTIES_MAX))
    .option("--bits <count>", "length of a code; default 16", wholeNumber(1, BITS_MAX))
    .option("--epochs <count>", "default: what suits the preset, 20 for other data", wholeNumber(1, 10_000))
    .option("--batch <rows>", "rows a step", wholeNumber(1, 65_536))
    .option("--hidden <widths>", "of the parties' hidden layers, with commas between", parseWidths)
    .option("--consistency <weight>", "of the pull to class codes; 0 is none", parseWeight)
    .option("--learning-rate <rate>", "of Adam, at first", positiveNumber)
    .option("--epsilon <number>", "of the laplace baseline, per bit; default 1", positiveNumber)
    .option("--seed <number>", "of the split, the weights, the order and the noise", wholeNumber(0, 2 ** 31), 1)
    .addOption(
      new Option("--baselines <list>", `all, none, or of ${BASELINES.join(", ")}`)
        .argParser(parseList)
        .default([...BASELINES], "all"),
    )
    .addOption(
      new Option(
        "--transport <kind>",
        "where the parties are: all in this process, or each in one of its own behind a coordinator",
      )
        .choices(["memory", "processes"])
        .default("memory"),
    )
    .option("--out <folder>", "for results, curves, checkpoints and models; default: a new hashvfl-NAME here")
    .option("--resume", "go on with what was interrupted in that folder", false)
    .option("--json", "print one JSON object as the last line", false)
    .action(async (options: SimulateOptions) => {
      await (await import("./simulate-hashvfl.ts")).runHashvfl(options);
    });
}

function partyCommand(): Command {
  return new Command("party")
    .description("one party of a training run as a process of its own; `--transport processes` starts these")
    .addOption(dirOption())
    .requiredOption("--data <file>", "this party's features, as `--transport processes` writes them")
    .requiredOption("--out <folder>", "where its checkpoints and models are kept")
    .requiredOption("--trainer <member>", "the member who trains; nobody else is answered", memberNameArgument)
    .addOption(transcriptOption())
    .action(async (options: PartyOptions) => {
      await (await import("./simulate-party.ts")).runParty(options);
    });
}

function parseColumns(
  text: string,
  previous: Readonly<Record<string, readonly string[]>> | undefined,
): Record<string, readonly string[]> {
  const [, party, columns] = /^([a-z0-9][a-z0-9-]{0,62})=(.+)$/.exec(text) ?? [];
  if (party === undefined || columns === undefined)
    throw new InvalidArgumentError(
      "expected PARTY=COLUMN,COLUMN..., the party of lower-case letters, digits and dashes",
    );
  if (previous && Object.hasOwn(previous, party))
    throw new InvalidArgumentError(`there are two parties called ${party}`);
  return { ...previous, [party]: columns.split(",") };
}

function parseWidths(text: string): number[] {
  return text.split(",").map(wholeNumber(1, 4096));
}

function parseWeight(text: string): number {
  return text.trim() === "0" ? 0 : positiveNumber(text);
}

function parseList(text: string): BaselineName[] {
  try {
    return parseBaselines(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
