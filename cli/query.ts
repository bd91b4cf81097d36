import { Command } from "commander";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { styleText } from "node:util";
import { connect } from "../party-node/connect.ts";
import { checkQuestion } from "../party-node/asking/question.ts";
import type { HostedOutcome, PartyFault, PartyOutcome, QueryResult } from "../party-node/asking/result.ts";
import { limits } from "../protocol/index.ts";
import { startTracing } from "../operation/tracing/index.ts";
import { dirOption, tracesOption, wholeNumber } from "./options.ts";
import { printPassages } from "./print-passages.ts";
import { oneLine } from "./printable.ts";
import { keyringPassphrase } from "./passphrase.ts";
import { openNodeFolder } from "../party-node/node-folder.ts";
import { version } from "./version.ts";
import { onStop } from "./supervision.ts";

interface Options {
  readonly k: number;
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
}

/** Exit code when a party's answer is missing: what the others answered is printed. */
const EXIT_PARTIAL = 4;

export function queryCommand(): Command {
  return new Command("query")
    .description("ask all parties one question; it leaves this process only encrypted")
    .argument("<question>", "in quotes, or - to read it from standard input, where no process list shows it")
    .option("-k <count>", "passages wanted", wholeNumber(1, limits.fetchHandlesMax), 5)
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
    .option("--json", "print one JSON object", false)
    .option("--insecure-clear", "ask a federation in clear mode, where everybody sees the question", false)
    .addOption(tracesOption())
    .addOption(dirOption())
    .action(runQuery)
    .addHelpText(
      "after",
      "\n--route: this process ranks the parties by summaries of their passages and shows nobody the question, but the coordinator sees who is asked, and so roughly what the question is about. Parties without a summary, and hosted collections, are asked in addition.\n\nExit code 4: some party did not answer, or sent scores that its passages do not earn; the passages of the others are printed, and who is missing and why.",
    );
}

async function runQuery(given: string, options: Options): Promise<void> {
  const { k, json, dir, timeout, insecureClear, keepDuplicates, keepInflated, dropSuspects, partyMax, route, traces } =
    options;
  const { evidence: keepEvidence } = options;
  const question = given === "-" ? await text(process.stdin) : given;
  checkQuestion(question);
  await using _tracing = traces ? await openTraces(traces, dir) : null;
  using sotto = await connect({ dir, insecureClear, keepEvidence, passphrase: keyringPassphrase(dir) });
  const abort = new AbortController();
  onStop(() => {
    abort.abort();
  });
  const asking = sotto.query(question, {
    k,
    deadlineMs: timeout * 1000,
    signal: abort.signal,
    keepDuplicates,
    keepInflated,
    dropSuspects,
    ...(partyMax === undefined ? {} : { partyMax }),
    ...(route === undefined ? {} : { route }),
  });
  if (!json) for await (const outcome of asking) printOutcome(outcome);
  const result = await asking.result;
  if (!json) for (const outcome of result.parties) if (isLate(outcome)) printOutcome(outcome);
  if (json) process.stdout.write(`${JSON.stringify(forJson(result))}\n`);
  else printPassages(result.passages);
  if (!json && result.parties.some(({ status }) => status === "not-asked"))
    process.stderr.write("\nThe coordinator saw who was asked, and so roughly what the question is about.\n");
  if (result.parties.some(({ fault }) => fault)) process.exitCode = EXIT_PARTIAL;
}

function openTraces(url: URL, dir: string): Promise<AsyncDisposable> {
  const { name } = openNodeFolder(dir).config;
  const onProblem = (what: string): void => void process.stderr.write(`Traces could not be sent: ${oneLine(what)}\n`);
  return startTracing({ url, service: "sotto-querier", member: name, version, onProblem });
}

const MARKS = {
  answered: styleText("green", "answered "),
  missing: styleText("yellow", "missing  "),
  "not-asked": styleText("dim", "not asked"),
} as const;

function printOutcome(outcome: PartyOutcome): void {
  const { party, collection, status } = outcome;
  const name = collection ? `${party} (${collection.name} at ${collection.host})` : party;
  process.stderr.write(`  ${MARKS[status]}  ${name}  ${outcomeInWords(outcome)}\n`);
}

/** Whether something is wrong with a party's passages, which is known only after its scores were reported. */
function isLate({ status, fault }: PartyOutcome): boolean {
  return status === "answered" && fault !== undefined;
}

function outcomeInWords({ collection, status, passagesScored, ms, fault, route, attempts = 1 }: PartyOutcome): string {
  const times = attempts > 1 ? `, asked ${String(attempts)} times` : "";
  if (fault) return `${faultInWords(fault)}${times}`;
  if (status === "not-asked") return "others are likelier to hold an answer";
  const unknown =
    route?.reason === "no-summary" ? `, asked because it shows no summary (${route.fault?.code ?? ""})` : "";
  return `${whatWasDone(passagesScored, collection)}, ${ms.toFixed(0)} ms${times}${unknown}`;
}

function whatWasDone(passagesScored: number, collection: HostedOutcome | undefined): string {
  if (collection?.mode !== "outsourced")
    return `${String(passagesScored)} passages scored${candidatesInWords(collection)}`;
  return `${String(passagesScored)} passages searched${candidatesInWords(collection)}`;
}

function candidatesInWords(collection: HostedOutcome | undefined): string {
  return collection ? `, ${String(collection.candidates)} of them opened` : "";
}

/** @returns One printable line. */
export function faultInWords({ code, reason, retryAfterMs, evidence }: PartyFault): string {
  const again =
    retryAfterMs === undefined ? "" : `; ask again in ${String(Math.max(1, Math.ceil(retryAfterMs / 1000)))} s`;
  const proof =
    evidence === undefined ? "" : `; its own signatures prove it: sotto evidence show ${basename(evidence)}`;
  return `${code}: ${oneLine(reason)}${again}${proof}`;
}

function forJson({ passages, parties, timingsMs }: QueryResult): unknown {
  return { passages, parties, timingsMs };
}
