#!/usr/bin/env node
import { Command } from "commander";

/** In the order of `sotto --help`. A command is loaded when it is named, or all are when none is: encoders and charts take half a second. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import("./demo.ts")).demoCommand(),
  init: async () => (await import("./init.ts")).initCommand(),
  federation: async () => (await import("./federation.ts")).federationCommand(),
  coordinator: async () => (await import("./coordinator.ts")).coordinatorCommand(),
  node: async () => (await import("./node.ts")).nodeCommand(),
  rights: async () => (await import("./rights.ts")).rightsCommand(),
  ingest: async () => (await import("./ingest.ts")).ingestCommand(),
  query: async () => (await import("./query.ts")).queryCommand(),
  ask: async () => (await import("./ask.ts")).askCommand(),
  console: async () => (await import("./console.ts")).consoleCommand(),
  serve: async () => (await import("./serve.ts")).serveCommand(),
  mcp: async () => (await import("./mcp.ts")).mcpCommand(),
  align: async () => (await import("./align.ts")).alignCommand(),
  collection: async () => (await import("./collection.ts")).collectionCommand(),
  trial: async () => (await import("./trial.ts")).trialCommand(),
  codes: async () => (await import("./codes.ts")).codesCommand(),
  simulate: async () => (await import("./simulate.ts")).simulateCommand(),
  evaluate: async () => (await import("./evaluate.ts")).evaluateCommand(),
  keyring: async () => (await import("./keyring.ts")).keyringCommand(),
  evidence: async () => (await import("./evidence.ts")).evidenceCommand(),
  audit: async () => (await import("./audit.ts")).auditCommand(),
  seal: async () => (await import("./seal.ts")).sealCommand(),
  model: async () => (await import("./model.ts")).modelCommand(),
  doctor: async () => (await import("./doctor.ts")).doctorCommand(),
  completion: async () => (await import("./completion.ts")).completionCommand(),
};

/** As shells have it for what wrote to a pipe that nobody reads any more: 128 + SIGPIPE. */
const EXIT_UNREAD = 141;

endUnread();
const [named = "", ...words] = process.argv.slice(2);
if (named === "complete") await (await import("./complete.ts")).complete(words.slice(1), commands);
else await run();

async function run(): Promise<void> {
  const { version } = await import("./version.ts");
  const program = new Command("sotto")
    .description(
      "Ask one question across several organisations' documents.\nNobody but you learns the question; nobody but its owner holds a document.",
    )
    .version(version)
    .addHelpText("after", "\nFirst time here?  sotto demo     What does this machine have?  sotto doctor");
  const wanted = Object.hasOwn(commands, named) ? [commands[named]] : Object.values(commands);
  for (const load of wanted) if (load) program.addCommand(await load());
  const { runProgram } = await import("./run-program.ts");
  await runProgram(program);
}

/**
 * Ends the process without a word once nobody reads its standard output, as with `| head`. Standard error may be closed without an end: what a person would have been told is lost,
 * the work is not.
 */
function endUnread(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(EXIT_UNREAD);
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
