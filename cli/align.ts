import { Presets, SingleBar } from "cli-progress";
import { Command } from "commander";
import { type AlignmentResult, alignParties } from "../party-node/aligning/index.ts";
import { openNode } from "../party-node/node-folder.ts";
import { dirOption, memberNameArgument } from "./options.ts";
import { jsonLine } from "./printable.ts";

interface Options {
  readonly json: boolean;
  readonly dir: string;
}

export function alignCommand(): Command {
  return new Command("align")
    .description("have parties find the entities they share; you learn how many, they learn which")
    .argument(
      "[parties...]",
      "at least two; default: all of the federation",
      (name: string, before: readonly string[] | undefined) => [...(before ?? []), memberNameArgument(name)],
    )
    .option("--json", "print one JSON object", false)
    .addOption(dirOption())
    .action(runAlign)
    .addHelpText(
      "after",
      "\nEvery party runs `sotto node --entities FILE --align-for YOU` and has the common ids in aligned.json afterwards, in the same order.\nParties learn which of their ids all of them have; of the others' sets, only the sizes.\nOf three or more parties you could also tell how many ids any two of them share, and so on; the parties could not.",
    );
}

async function runAlign(named: readonly string[], { json, dir }: Options): Promise<void> {
  const { identity, federation, coordinatorUrls, ca } = openNode(dir);
  const all = federation.terms.members.filter(({ roles }) => roles.includes("party")).map(({ name }) => name);
  const parties = named.length > 0 ? named : all;
  const bar = new SingleBar(
    { format: "  {bar} {percentage}%  {value}/{total} ids blinded  {eta_formatted} left", stream: process.stderr },
    Presets.shades_classic,
  );
  const onProgress = (done: number, total: number): void => {
    if (json || !process.stderr.isTTY) return;
    if (!bar.isActive) bar.start(total, 0);
    bar.update(done);
  };
  const result = await alignParties({ identity, federation, coordinatorUrls, ca, parties, onProgress }).finally(() => {
    bar.stop();
  });
  process.stdout.write(json ? jsonLine(result) : inWords(result));
}

function inWords({ common, parties }: AlignmentResult): string {
  const sizes = parties.map(({ party, ids }) => `  ${party}: ${ids} ids\n`).join("");
  return `${sizes}${common} ids are common to all; each party has them in aligned.json, in the same order.\n`;
}
