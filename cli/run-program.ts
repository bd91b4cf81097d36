import { type Command, CommanderError } from "commander";
import { reportFailure } from "./report-failure.ts";
import { EXIT_STOPPED, wasStopped } from "./supervision.ts";

/** Runs the command that the process's arguments name; whatever goes wrong is printed and becomes the exit code. */
export async function runProgram(program: Command): Promise<void> {
  for (const command of withSubcommands(program))
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
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}
