#!/usr/bin/env node
import { Command } from "commander";
import { readFileSync } from "node:fs";
import { collectionCommand } from "./collection.ts";
import { coordinatorCommand } from "./coordinator.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { federationCommand } from "./federation.ts";
import { ingestCommand } from "./ingest.ts";
import { initCommand } from "./init.ts";
import { keyringCommand } from "./keyring.ts";
import { modelCommand } from "./model.ts";
import { nodeCommand } from "./node.ts";
import { queryCommand } from "./query.ts";
import { runProgram } from "./run-program.ts";
import { sealCommand } from "./seal.ts";
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
  .addCommand(demoCommand())
  .addCommand(initCommand())
  .addCommand(federationCommand())
  .addCommand(coordinatorCommand())
  .addCommand(nodeCommand())
  .addCommand(ingestCommand())
  .addCommand(queryCommand())
  .addCommand(collectionCommand())
  .addCommand(trialCommand())
  .addCommand(keyringCommand())
  .addCommand(sealCommand())
  .addCommand(modelCommand())
  .addCommand(doctorCommand())
  .addHelpText("after", "\nFirst time here?  sotto demo     What does this machine have?  sotto doctor");

await runProgram(program);
