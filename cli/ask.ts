import { Command } from "commander";
import { Fault } from "../crypto/index.ts";
import {
  type AgreedEndpoint,
  type Answer,
  CANDIDATES_PER_PASSAGE,
  answerLimits,
  answerQuestion,
  parseEndpoint,
  probeEndpoint,
  reachEndpoint,
  readApiKey,
  reranked,
} from "../party-node/answering/index.ts";
import type { CitedPassage } from "../party-node/asking/index.ts";
import { type Reranker, openReranker } from "../party-node/encoders/index.ts";
import { openNodeFolder } from "../party-node/node-folder.ts";
import { limits } from "../protocol/index.ts";
import { agreeToEndpoint } from "./endpoint-agreement.ts";
import { wholeNumber } from "./options.ts";
import { printSources } from "./print-answer.ts";
import { printNothing } from "./print-outcomes.ts";
import { printPassages } from "./print-passages.ts";
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
  readonly endpoint?: string;
  readonly model?: string;
  readonly apiKeyFile?: string;
  readonly localOnly: boolean;
  readonly insecureHttp: boolean;
  readonly yes: boolean;
  readonly passages: number;
  readonly promptChars: number;
  readonly answerTimeout: number;
  readonly reranker?: string;
}

export function askCommand(): Command {
  const { promptCharsMin, promptCharsMax, promptCharsDefault, answerMsMax, answerMsDefault } = answerLimits;
  const command = new Command("ask")
    .description("ask all parties one question, and have a language model answer from the passages, with citations")
    .option(
      "--endpoint <url>",
      "an OpenAI-compatible interface, such as http://localhost:11434/v1; without: passages alone",
    )
    .option("--model <name>", "the model that answers, as the endpoint calls it")
    .option("--api-key-file <file>", "a file with the endpoint's key, which only you may read")
    .option("--local-only", "refuse an endpoint that is not on this machine", false)
    .option(
      "--insecure-http",
      "allow an endpoint elsewhere without TLS, where the network sees all that is sent",
      false,
    )
    .option("--yes", "agree, this one time, that the endpoint sees the question and the passages", false)
    .option("-k, --passages <count>", "passages to answer from", wholeNumber(1, limits.fetchHandlesMax), 5)
    .option(
      "--prompt-chars <count>",
      "characters of passages that are sent at most",
      wholeNumber(promptCharsMin, promptCharsMax),
      promptCharsDefault,
    )
    .option(
      "--answer-timeout <seconds>",
      "how long the endpoint may take",
      wholeNumber(1, answerMsMax / 1000),
      answerMsDefault / 1000,
    )
    .option(
      "--reranker <path>",
      "order the passages anew by a cross-encoder: a folder with model.onnx and tokenizer.json, or the model's file",
    );
  return addRetrievalOptions(command)
    .action(runAsk)
    .addHelpText(
      "after",
      `\nThe endpoint sees the question and the passages in the open. Unless it is on this machine, you are asked once whether you agree; without a terminal, --yes agrees. With --reranker, ${String(CANDIDATES_PER_PASSAGE)} times as many passages are fetched as are wanted, and their owners see that.\n${RETRIEVAL_HELP}`,
    );
}

/** Where the answer comes from. */
interface Answerer {
  readonly endpoint: AgreedEndpoint;
  readonly model: string;
  readonly apiKey: string | undefined;
}

async function runAsk(given: string, options: Options, command: Command): Promise<void> {
  const misused = misusedOption(options);
  if (misused !== null) command.error(`error: ${misused}`);
  const question = await readQuestion(given, command);
  // Whatever is refused is refused before a party is asked, so that no question of the budget is spent on it.
  const answerer = await openAnswerer(options);
  await using held = new AsyncDisposableStack();
  const reranker = options.reranker === undefined ? null : await openReranker(options.reranker);
  held.defer(() => reranker?.close());
  const abort = new AbortController();
  const stopSignal = (): AbortSignal => {
    onStop(() => {
      abort.abort();
    });
    return abort.signal;
  };
  const k = reranker ? Math.min(limits.fetchHandlesMax, options.passages * CANDIDATES_PER_PASSAGE) : options.passages;
  const result = await retrieve({ question, k, options, stopSignal });
  const passages = await best(result.passages, { reranker, question, count: options.passages });
  if (!options.json) printWhoSawWhat(result);
  const began = performance.now();
  const outcome =
    answerer && passages.length > 0
      ? await answer({ ...answerer, question, passages, options, signal: abort.signal })
      : nothingAnswered;
  if (options.json) {
    const { parties, timingsMs } = result;
    const timings = { ...timingsMs, ...(answerer ? { answer: performance.now() - began } : {}) };
    process.stdout.write(jsonLine({ ...forJson(outcome), passages, parties, timingsMs: timings }));
  } else if (outcome.answer) printSources(outcome.answer, passages);
  else if (passages.length === 0) printNothing(result.parties);
  else printPassages(passages);
  if (outcome.failure !== undefined) throw outcome.failure;
}

/** @returns What is wrong; null for nothing. */
function misusedOption({ endpoint, model, apiKeyFile, localOnly, insecureHttp, yes }: Options): string | null {
  if (endpoint !== undefined) return model === undefined ? "--endpoint URL needs --model NAME" : null;
  const given = {
    "--model": model,
    "--api-key-file": apiKeyFile,
    "--local-only": localOnly,
    "--insecure-http": insecureHttp,
    "--yes": yes,
  };
  const [first] = Object.entries(given).find(([, value]) => value !== undefined && value !== false) ?? [];
  return first === undefined ? null : `${first} needs --endpoint URL`;
}

async function openAnswerer(options: Options): Promise<Answerer | null> {
  const { endpoint: url, model, apiKeyFile, localOnly, insecureHttp, yes, dir } = options;
  if (url === undefined || model === undefined) return null;
  const apiKey = apiKeyFile === undefined ? undefined : readApiKey(apiKeyFile);
  const path = openNodeFolder(dir).endpointsPath;
  const reached = await reachEndpoint(parseEndpoint(url), { localOnly, insecureHttp });
  const endpoint = await agreeToEndpoint(reached, { path, yes });
  await probeEndpoint(endpoint);
  return { endpoint, model, apiKey };
}

async function best(
  passages: readonly CitedPassage[],
  { reranker, ...ranking }: { readonly reranker: Reranker | null; readonly question: string; readonly count: number },
): Promise<readonly CitedPassage[]> {
  return reranker && passages.length > 0 ? reranked(passages, { reranker, ...ranking }) : passages;
}

interface Answering extends Answerer {
  readonly question: string;
  readonly passages: readonly CitedPassage[];
  readonly options: Options;
  readonly signal: AbortSignal;
}

interface AnswerOutcome {
  readonly answer: Answer | null;
  /** Why there is none. The passages are shown all the same: the parties have counted the question. */
  readonly failure?: Fault;
}

const nothingAnswered: AnswerOutcome = { answer: null };

/** Has the question answered; unless JSON is wanted, the text is printed as it comes. */
async function answer({ options, ...asked }: Answering): Promise<AnswerOutcome> {
  const { json, promptChars: promptCharsMax, answerTimeout } = options;
  let printed = false;
  try {
    for await (const event of answerQuestion({ ...asked, promptCharsMax, timeoutMs: answerTimeout * 1000 })) {
      if (event.type === "answered") return { answer: event.answer };
      if (event.type !== "text" || json) continue;
      process.stdout.write(printed ? event.text : `\n${event.text.trimStart()}`);
      printed = true;
    }
    return nothingAnswered;
  } catch (failure) {
    if (!(failure instanceof Fault) || failure.code === "ABORTED") throw failure;
    return { answer: null, failure };
  } finally {
    if (printed) process.stdout.write("\n");
  }
}

function forJson({ answer, failure }: AnswerOutcome): object {
  return failure ? { answer, fault: { code: failure.code, reason: failure.message } } : { answer };
}
