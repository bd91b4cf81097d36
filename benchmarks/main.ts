/*
 * Every benchmark of the repository: npm run bench -- NAME [options] [--json]
 */
import { Command, CommanderError } from "commander";
import { reportFailure } from "../cli/report-failure.ts";
import { EXIT_STOPPED, wasStopped } from "../cli/supervision.ts";
import { encodersCommand } from "./encoders.ts";
import { ingestCommand } from "./ingest.ts";
import { precisionCommand } from "./precision.ts";
import { queryCommand } from "./query.ts";
import { scaleCommand } from "./scale.ts";
import { scoringCommand } from "./scoring.ts";

const program = new Command("bench")
  .description("Measures Sotto on this machine. All ratios are taken in one run; figures are medians after warm-up.")
  .addCommand(scoringCommand())
  .addCommand(queryCommand())
  .addCommand(ingestCommand())
  .addCommand(scaleCommand())
  .addCommand(encodersCommand())
  .addCommand(precisionCommand());

for (const command of [program, ...program.commands])
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
