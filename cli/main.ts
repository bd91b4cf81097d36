#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { readFileSync } from "node:fs";
import { coordinatorCommand } from "./coordinator.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { federationCommand } from "./federation.ts";
import { ingestCommand } from "./ingest.ts";
import { initCommand } from "./init.ts";
import { modelCommand } from "./model.ts";
import { nodeCommand } from "./node.ts";
import { queryCommand } from "./query.ts";
import { reportFailure } from "./report-failure.ts";
import { EXIT_STOPPED, wasStopped } from "./supervision.ts";
import { trialCommand } from "./trial.ts";

const { version } = JSON.parse(
  readFileSync(
    new URL(import.meta.url.endsWith(".ts") ? "../package.json" : "../../package.json", import.meta.url),
    "utf8",
  ),
) as { version: string };

const program = new Command("sotto")
  .description(
    "Ask one question across several organisations' documents.\nNobody but you learns the question; nobody but its owner holds a document.",
  )
  .version(version)
  .showHelpAfterError("(add --help for what this command takes)")
  .exitOverride()
  .addCommand(demoCommand())
  .addCommand(initCommand())
  .addCommand(federationCommand())
  .addCommand(coordinatorCommand())
  .addCommand(nodeCommand())
  .addCommand(ingestCommand())
  .addCommand(queryCommand())
  .addCommand(trialCommand())
  .addCommand(modelCommand())
  .addCommand(doctorCommand())
  .addHelpText("after", "\nFirst time here?  sotto demo     What does this machine have?  sotto doctor");

for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
  command.exitOverride().showHelpAfterError("(add --help for what this command takes)");

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own message already.
  if (wasStopped()) {
    process.stderr.write("stopped\n");
    process.exitCode = EXIT_STOPPED;
  } else process.exitCode = error instanceof CommanderError ? error.exitCode : reportFailure(error);
}
