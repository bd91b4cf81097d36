/*
 * Every benchmark of the repository: npm run bench -- NAME [options] [--json]
 */
import { Command } from "commander";
import { runProgram } from "../cli/run-program.ts";
import { codesCommand } from "./codes.ts";
import { duplicatesCommand } from "./duplicates.ts";
import { encodersCommand } from "./encoders.ts";
import { ingestCommand } from "./ingest.ts";
import { precisionCommand } from "./precision.ts";
import { queryCommand } from "./query.ts";
import { recallCommand } from "./recall.ts";
import { scaleCommand } from "./scale.ts";
import { scoringCommand } from "./scoring.ts";
import { sealedCommand } from "./sealed.ts";

const program = new Command("bench")
  .description("Measures Sotto on this machine. All ratios are taken in one run; figures are medians after warm-up.")
  .addCommand(scoringCommand())
  .addCommand(queryCommand())
  .addCommand(ingestCommand())
  .addCommand(scaleCommand())
  .addCommand(encodersCommand())
  .addCommand(precisionCommand())
  .addCommand(sealedCommand())
  .addCommand(codesCommand())
  .addCommand(recallCommand())
  .addCommand(duplicatesCommand());

await runProgram(program);
