import type { Command } from "commander";
import { text } from "node:stream/consumers";
import { styleText } from "node:util";
import { checkQuestion } from "../party-node/asking/question.ts";
import { connect } from "../party-node/connect.ts";
import type { QueryResult } from "../party-node/asking/index.ts";
import { openNodeFolder } from "../party-node/node-folder.ts";
import { startTracing } from "../operation/tracing/index.ts";
import { limits } from "../protocol/index.ts";
import { dirOption, tracesOption, wholeNumber } from "./options.ts";
import { keyringPassphrase } from "./passphrase.ts";
import { isLate, printOutcome } from "./print-outcomes.ts";
import { oneLine } from "./printable.ts";
import { ReceiptFile } from "./receipt-file.ts";
import { version } from "./version.ts";

/** What `sotto query` and `sotto ask` have in common. */
export interface RetrievalOptions {
  readonly json: boolean;
  readonly dir: string;
  readonly timeout: number;
  readonly insecureClear: boolean;
  readonly keepDuplicates: boolean;
  readonly keepInflated: boolean;
  readonly dropSuspects: boolean;
  readonly evidence: boolean;
  readonly partyMax?: number;
  readonly route?: number;
  readonly traces?: URL;
  readonly receipt?: string;
}

/** Exit code when a party's answer is missing: what the others answered is printed. */
const EXIT_PARTIAL = 4;

export const RETRIEVAL_HELP =
  "\n--route: this process ranks the parties by summaries of their passages and shows nobody the question, but the coordinator sees who is asked, and so roughly what the question is about. Parties without a summary, and hosted collections, are asked in addition.\n\nExit code 4: some party did not answer, or sent scores that its passages do not earn; the passages of the others are printed, and who is missing and why.";

export function addRetrievalOptions(command: Command): Command {
  return command
    .argument("<question>", "in quotes, or - to read it from standard input, where no process list shows it")
    .allowExcessArguments() // readQuestion says what to do about them
    .option(
      "--timeout <seconds>",
      "how long parties may take",
      wholeNumber(1, limits.queryDeadlineMsMax / 1000),
      limits.queryDeadlineMsDefault / 1000,
    )
    .option("--keep-duplicates", "show a passage that several parties hold once for each of them", false)
    .option(
      "--party-max <count>",
      "at most so many of the passages are one party's",
      wholeNumber(1, limits.fetchHandlesMax),
    )
    .option("--keep-inflated", "show and mark passages whose words cannot earn the score their party sent", false)
    .option("--drop-suspects", "leave out passages that read like words put together to be found, not text", false)
    .option("--no-evidence", "do not keep what proves that a party lied (`sotto evidence`), and forget secrets sooner")
    .option(
      "--route <count>",
      "ask only so many of the parties that show what they hold (`sotto node --routable`): the likeliest",
      wholeNumber(1, limits.membersMax),
    )
    .option(
      "--receipt <file>",
      "write what left this machine for the question, and who could see what of it, to this file; it holds neither question nor passages",
    )
    .option("--json", "print one JSON object", false)
    .option("--insecure-clear", "ask a federation in clear mode, where everybody sees the question", false)
    .addOption(tracesOption())
    .addOption(dirOption());
}

/** The question that the command line names. @throws Fault as {@link checkQuestion}; a usage error for several words. */
export async function readQuestion(given: string, command: Command): Promise<string> {
  if (command.args.length > 1)
    command.error(
      `error: the question came as ${String(command.args.length)} separate words; put it in quotes: sotto ${command.name()} "..."`,
    );
  const question = given === "-" ? await text(process.stdin) : given;
  checkQuestion(question);
  return question;
}

export interface Retrieval {
  readonly question: string;
  /** How many passages are wanted. */
  readonly k: number;
  readonly options: RetrievalOptions;
  /** Called once connected, when Ctrl-C can be answered by ending the question. */
  readonly stopSignal: () => AbortSignal;
}

/**
 * Asks the federation as the options say. Unless JSON is wanted, what became of each party is printed on standard error; where one is missing, the process's exit code
 * becomes 4.
 *
 * @throws Fault of {@link connect} and of the query.
 */
export async function retrieve({ question, k, options, stopSignal }: Retrieval): Promise<QueryResult> {
  const { json, dir, timeout, insecureClear, keepDuplicates, keepInflated, dropSuspects, partyMax, route } = options;
  const { evidence: keepEvidence, traces } = options;
  await using _tracing = traces ? await openTraces(traces, dir) : null;
  using receipt = options.receipt === undefined ? null : new ReceiptFile(options.receipt);
  const observed = receipt ? { observer: receipt.observer } : {};
  using sotto = await connect({ dir, insecureClear, keepEvidence, passphrase: keyringPassphrase(dir), ...observed });
  receipt?.start();
  const asking = sotto.query(question, {
    k,
    deadlineMs: timeout * 1000,
    signal: stopSignal(),
    keepDuplicates,
    keepInflated,
    dropSuspects,
    ...(partyMax === undefined ? {} : { partyMax }),
    ...(route === undefined ? {} : { route }),
  });
  if (!json) for await (const outcome of asking) printOutcome(outcome);
  const result = await asking.result;
  if (!json) for (const outcome of result.parties) if (isLate(outcome)) printOutcome(outcome);
  if (result.parties.some(({ fault }) => fault)) process.exitCode = EXIT_PARTIAL;
  receipt?.write(result, dir);
  if (receipt && !json) process.stderr.write(`The receipt is in ${receipt.path}.\n`);
  if (!json) adviseOnOwnNode(result, dir);
  return result;
}

/** What a person who serves documents and asks on one machine forgets first. */
function adviseOnOwnNode({ parties }: QueryResult, dir: string): void {
  const { name } = openNodeFolder(dir).config;
  if (!parties.some(({ party, collection, fault }) => party === name && !collection && fault?.code === "PARTY_OFFLINE"))
    return;
  const advice = `${name} is this node itself: what serves its documents is not running. Start it in a terminal of its own: sotto node --dir ${dir}`;
  process.stderr.write(`${styleText("yellow", advice, { stream: process.stderr })}\n`);
}

/** Says, where only some of the parties were asked, what that showed. */
export function printWhoSawWhat({ parties }: QueryResult): void {
  if (parties.some(({ status }) => status === "not-asked"))
    process.stderr.write("\nThe coordinator saw who was asked, and so roughly what the question is about.\n");
}

function openTraces(url: URL, dir: string): Promise<AsyncDisposable> {
  const { name } = openNodeFolder(dir).config;
  const onProblem = (what: string): void => void process.stderr.write(`Traces could not be sent: ${oneLine(what)}\n`);
  return startTracing({ url, service: "sotto-querier", member: name, version, onProblem });
}
