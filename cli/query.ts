import { Command } from "commander";
import { limits } from "../protocol/index.ts";
import { wholeNumber } from "./options.ts";
import { printPassages } from "./print-passages.ts";
import { printNothing } from "./print-outcomes.ts";
import { jsonLine } from "./printable.ts";
import {
  RETRIEVAL_HELP,
  type RetrievalOptions,
  addRetrievalOptions,
  printWhoSawWhat,
  readQuestion,
  retrieve,
} from "./retrieval.ts";
import { onStop } from "./supervision.ts";

interface Options extends RetrievalOptions {
  readonly k: number;
}

export function queryCommand(): Command {
  const command = new Command("query")
    .description("ask all parties one question; it leaves this process only encrypted")
    .option("-k <count>", "passages wanted", wholeNumber(1, limits.fetchHandlesMax), 5);
  return addRetrievalOptions(command).action(runQuery).addHelpText("after", RETRIEVAL_HELP);
}

async function runQuery(given: string, { k, ...options }: Options, command: Command): Promise<void> {
  const question = await readQuestion(given, command);
  const abort = new AbortController();
  const stopSignal = (): AbortSignal => {
    onStop(() => {
      abort.abort();
    });
    return abort.signal;
  };
  const result = await retrieve({ question, k, options, stopSignal });
  const { passages, parties, timingsMs } = result;
  if (options.json) process.stdout.write(jsonLine({ passages, parties, timingsMs }));
  else if (passages.length === 0) printNothing(parties);
  else printPassages(passages);
  if (!options.json) printWhoSawWhat(result);
}
