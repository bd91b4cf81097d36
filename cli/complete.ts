import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type RootCommand, ShellCompDirective } from "@bomb.sh/tab";
import tab from "@bomb.sh/tab/commander";
import { Command } from "commander";
import { printedBy } from "./printed-by.ts";

type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** Where `sotto model pull` puts encoders. */
const MODELS = "models";

/** What a placeholder such as `<roles>` stands for, where it is neither a file nor a choice that the command names itself. */
const VALUES: Readonly<Record<string, () => readonly string[]>> = {
  spec: encoders,
  roles: () => ["party", "querier", "coordinator", "party,querier"],
};
const PATHS = /^(folder|dir|file|path|paths|invitation)$/;

/**
 * Answers `sotto complete -- WORDS`, which the scripts of `sotto completion` call at every Tab. Only the command that the words name is loaded; of the
 * others nothing is needed but their names.
 *
 * @param words - What was typed after `sotto`; the last is what is to be completed, empty after a space.
 */
export async function complete(words: readonly string[], commands: Commands): Promise<void> {
  const program = new Command("sotto").option("-V, --version", "the version");
  const named = words.length > 1 ? words[0] : undefined;
  for (const [name, load] of Object.entries(commands))
    if (name !== "completion") program.addCommand(name === named ? await load() : new Command(name));
  const suggestions = tab(program, { completionCommandName: "completion" });
  const wanted = { file: false };
  suggestValues(program, suggestions, () => {
    wanted.file = true;
  });
  const lines = printedBy(() => {
    suggestions.parse([...words]);
  });
  // The package ends with the directive that forbids the shell to complete file names, whatever the value is.
  if (wanted.file) lines.splice(-1, 1, `:${String(ShellCompDirective.ShellCompDirectiveDefault)}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Gives options and arguments whose placeholder says what they take the values that fit. */
function suggestValues(program: Command, suggestions: RootCommand, onPath: () => void): void {
  const handler = (placeholder: string) => {
    if (PATHS.test(placeholder)) return onPath;
    const values = VALUES[placeholder];
    return (
      values &&
      ((suggest: (value: string, description: string) => void) => {
        for (const value of values()) suggest(value, "");
      })
    );
  };
  for (const [path, suggestion] of suggestions.commands) {
    const command = at(program, path.split(" "));
    for (const { long, flags } of command.options) {
      const found = handler(/[<[]([\w-]+)/.exec(flags)?.[1] ?? "");
      const option = suggestion.options.get(long?.slice(2) ?? "");
      if (found && option) option.handler = found;
    }
    for (const argument of suggestion.arguments.values())
      argument.handler ??= handler(argument.name) ?? (() => undefined);
  }
}

function at(command: Command, path: readonly string[]): Command {
  const [name, ...rest] = path;
  const child = command.commands.find((candidate) => candidate.name() === name);
  return child ? at(child, rest) : command;
}

function encoders(): string[] {
  const pulled = existsSync(MODELS)
    ? readdirSync(MODELS).filter((name) => existsSync(join(MODELS, name, "model.onnx")))
    : [];
  return ["lexical", "lexical:2048", ...pulled.map((name) => `onnx:${MODELS}/${name}`)];
}
