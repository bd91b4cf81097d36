import { Command } from "commander";
import { styleText } from "node:util";
import type { Finding } from "./doctor/finding.ts";
import { installation } from "./doctor/installation.ts";
import { machine } from "./doctor/machine.ts";
import { nodeChecks } from "./doctor/node-checks.ts";
import { dirOption } from "./options.ts";
import { jsonLine } from "./printable.ts";

const LABELS = {
  ok: styleText("green", "ok  "),
  advice: styleText("yellow", "note"),
  broken: styleText("red", "fix "),
} as const;

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("what this machine and this node have, what is missing, what to do")
    .addOption(dirOption())
    .option("--json", "print one JSON object", false)
    .action(runDoctor)
    .addHelpText(
      "after",
      "\nok: as it should be. note: works, but see to it. fix: broken; the line says what to do.\nExit code 1: something is broken.",
    );
}

async function runDoctor({ dir, json }: { dir: string; json: boolean }, command: Command): Promise<void> {
  const named = command.getOptionValueSource("dir") === "cli";
  const findings: Finding[] = [...machine(dir), ...(await installation()), ...(await nodeChecks(dir, named))];
  const healthy = findings.every(({ state }) => state !== "broken");
  if (json) process.stdout.write(jsonLine({ healthy, findings }));
  else
    for (const { check, state, says } of findings)
      process.stdout.write(`${LABELS[state]} ${check.padEnd(14)} ${says}\n`);
  if (!healthy) process.exitCode = 1;
}
