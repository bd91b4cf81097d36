import type { Fault } from "../../crypto/fault.ts";
import type { AgreedEndpoint } from "./agreement.ts";
import { postChat } from "./chat-request.ts";
import { readChat } from "./chat-stream.ts";
import { answerFault } from "./faults.ts";
import { answerLimits } from "./limits.ts";
import { type PromptPassage, writePrompt } from "./prompt.ts";
import { type CheckedCitation, checkCitations } from "./support.ts";
import { withoutHidden } from "./untrusted-text.ts";

export interface AnswerOptions {
  readonly question: string;
  /** Best first, at least one; citation [1] is the first. */
  readonly passages: readonly PromptPassage[];
  readonly endpoint: AgreedEndpoint;
  /** As the endpoint calls it. */
  readonly model: string;
  /** Sent as a bearer token; default none. */
  readonly apiKey?: string | undefined;
  /** Characters of passages that are sent, 200 to 1,000,000; default 12,000. */
  readonly promptCharsMax?: number | undefined;
  /** How long the whole answer may take; default three minutes. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What an answer is made of: `asked` once the endpoint has accepted the question, `text` for each piece as it comes, `answered` at the end.
 *
 * Text is what a model made of strangers' passages. Show it as plain text: an image or a link in it could carry the question to whoever wrote a passage.
 */
export type AnswerEvent =
  | { readonly type: "asked"; readonly passagesSent: number }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "answered"; readonly answer: Answer };

export interface Answer {
  /** Without control and format characters other than line ends and tabs. */
  readonly text: string;
  /** False where the model stopped at a limit of its endpoint. */
  readonly isComplete: boolean;
  /** How many of the passages, from the first on, the endpoint was sent. */
  readonly passagesSent: number;
  /** The numbers, from 1, of those of which it was sent only the beginning. */
  readonly passagesCut: readonly number[];
  /** In the order of the text; empty where it cites nothing. */
  readonly citations: readonly CheckedCitation[];
  /** Whether it has more citations than are checked, as no honest answer has: `citations` has the first of them. */
  readonly hasMoreCitations: boolean;
}

/**
 * Has a question answered from passages, with citations.
 *
 * Nothing is sent before the first event is asked for, and the connection ends with the iteration.
 *
 * @throws Fault, from the iteration: see {@link AnswerFaultCode}. TypeError for options out of range.
 */
export async function* answerQuestion(options: AnswerOptions): AsyncGenerator<AnswerEvent, void> {
  const { question, passages, endpoint, model, apiKey, signal } = options;
  const { promptCharsMax = answerLimits.promptCharsDefault, timeoutMs = answerLimits.answerMsDefault } = options;
  inRange("promptCharsMax", promptCharsMax, answerLimits.promptCharsMin, answerLimits.promptCharsMax);
  inRange("timeoutMs", timeoutMs, 1, answerLimits.answerMsMax);
  if (passages.length === 0) throw new TypeError("answerQuestion: there must be a passage to answer from");
  const { messages, sent } = writePrompt(question, passages, promptCharsMax);
  const passagesSent = sent.length;
  const late = AbortSignal.timeout(timeoutMs);
  const stop = AbortSignal.any([late, ...(signal ? [signal] : [])]);
  let text = "";
  let isComplete = true;
  /** Half a letter at the end of a piece waits for the next. */
  let half = "";
  try {
    const response = await postChat(endpoint, { model, apiKey, messages, signal: stop });
    yield { type: "asked", passagesSent };
    for await (const piece of readChat(response)) {
      if ("finished" in piece) isComplete = piece.finished === "stop";
      const said = "finished" in piece ? half : half + piece.text;
      half = "finished" in piece ? "" : (/[\uD800-\uDBFF]$/.exec(said)?.[0] ?? "");
      const shown = withoutHidden(said.slice(0, said.length - half.length));
      text += shown;
      if (text.length > answerLimits.answerCharsMax) throw tooLong();
      if (shown !== "") yield { type: "text", text: shown };
    }
  } catch (error) {
    throw stopFault({ late, signal, timeoutMs }) ?? error;
  }
  if (text.trim() === "")
    throw answerFault("ANSWER_EMPTY", "the endpoint's answer has no text; ask again, or another model");
  // Against what the model was shown, not against what it was not.
  const { citations, hasMore } = checkCitations(
    text,
    sent.map((passage) => passage.text),
  );
  const passagesCut = sent.flatMap(({ isCut }, i) => (isCut ? [i + 1] : []));
  const answer = { text, isComplete, passagesSent, passagesCut, citations, hasMoreCitations: hasMore };
  yield { type: "answered", answer };
}

interface Stopping {
  readonly late: AbortSignal;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/** What to say where it was us who ended the connection. */
function stopFault({ late, signal, timeoutMs }: Stopping): Fault | null {
  if (signal?.aborted) return answerFault("ABORTED", "the answer was cancelled");
  if (!late.aborted) return null;
  return answerFault(
    "ANSWER_TIMEOUT",
    `the answer was not there after ${timeoutMs / 1000} s; allow more with --answer-timeout, or ask a faster model`,
  );
}

function tooLong(): Fault {
  return answerFault(
    "ANSWER_TOO_LONG",
    `the answer has more than ${answerLimits.answerCharsMax} characters and goes on; ask more narrowly, or another model`,
  );
}

function inRange(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new TypeError(`answerQuestion: ${name} must be a whole number from ${min} to ${max}`);
}
