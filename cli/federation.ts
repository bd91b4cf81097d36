import { Command } from "commander";
import { createCommand } from "./federation-create.ts";
import { joinCommand } from "./federation-join.ts";
import { addCommand, removeCommand } from "./federation-members.ts";
import { showCommand } from "./federation-show.ts";

export function federationCommand(): Command {
  return new Command("federation")
    .description("found a federation, add members, join one")
    .addCommand(createCommand())
    .addCommand(addCommand())
    .addCommand(removeCommand())
    .addCommand(showCommand())
    .addCommand(joinCommand());
}
