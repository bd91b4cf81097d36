import { Command } from "commander";
import { createCommand } from "./federation-create.ts";
import { joinCommand } from "./federation-join.ts";
import {
  addCommand,
  coordinatorsCommand,
  inviteCommand,
  removeCommand,
  revokeInvitationCommand,
} from "./federation-members.ts";
import { rotateKeyCommand } from "./federation-rotate.ts";
import { logCommand } from "./federation-log.ts";
import { showCommand } from "./federation-show.ts";

export function federationCommand(): Command {
  return new Command("federation")
    .description("found a federation, invite and add members, join one")
    .addCommand(createCommand())
    .addCommand(addCommand())
    .addCommand(removeCommand())
    .addCommand(inviteCommand())
    .addCommand(revokeInvitationCommand())
    .addCommand(coordinatorsCommand())
    .addCommand(showCommand())
    .addCommand(logCommand())
    .addCommand(joinCommand())
    .addCommand(rotateKeyCommand());
}
