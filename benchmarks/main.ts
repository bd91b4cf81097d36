/*
 * Every benchmark of the repository: npm run bench -- NAME [options] [--json]
 */
import { Command } from "commander";
import { runProgram } from "../cli/run-program.ts";
import { citationsCommand } from "./citations.ts";
import { codesCommand } from "./codes.ts";
import { duplicatesCommand } from "./duplicates.ts";
import { encodersCommand } from "./encoders.ts";
import { ingestCommand } from "./ingest.ts";
import { precisionCommand } from "./precision.ts";
import { psiCommand } from "./psi.ts";
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
  .addCommand(psiCommand())
  .addCommand(sealedCommand())
  .addCommand(codesCommand())
  .addCommand(recallCommand())
  .addCommand(duplicatesCommand())
  .addCommand(citationsCommand());

await runProgram(program);
