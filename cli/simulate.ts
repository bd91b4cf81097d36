import { Command } from "commander";
import { simulatePartyCommand } from "./simulate-party.ts";

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("train on your own data, in a federation on this machine")
    .addCommand(simulatePartyCommand());
}
