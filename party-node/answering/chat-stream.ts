import type { IncomingMessage } from "node:http";
import { createParser } from "eventsource-parser";
import { z } from "zod";
import { answerFault, malformed } from "./faults.ts";
import { answerLimits } from "./limits.ts";

/** A piece of the answer, or how it ended; that is the last. */
export type ChatPiece = { readonly text: string } | { readonly finished: "stop" | "length" };

const said = z.object({ content: z.string().nullish(), refusal: z.string().nullish() });
const chatSchema = z.object({
  error: z.unknown().optional(),
  choices: z
    .array(z.object({ delta: said.nullish(), message: said.nullish(), finish_reason: z.string().nullish() }))
    .nullish(),
});

/**
 * Reads the pieces of a chat completion, streamed as server-sent events or whole as JSON, whichever the endpoint chose.
 *
 * @param response - With status 200; destroyed at the end, also when the caller stops early.
 * @throws Fault ENDPOINT_MALFORMED, ENDPOINT_FAILED, ANSWER_REFUSED, ANSWER_CUT_OFF, ANSWER_TOO_LONG; what the connection throws becomes ANSWER_CUT_OFF.
 */
export async function* readChat(response: IncomingMessage): AsyncGenerator<ChatPiece> {
  const type = response.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  try {
    if ((response.headers["content-encoding"] ?? "identity") !== "identity") throw malformed("is compressed unasked");
    if (type === "application/json") yield* readWhole(response);
    else if (type === "text/event-stream") yield* readEvents(response);
    else throw malformed("is neither text/event-stream nor application/json");
  } finally {
    response.destroy();
  }
}

async function* readEvents(response: IncomingMessage): AsyncGenerator<ChatPiece> {
  const events: string[] = [];
  const endless: true[] = [];
  const parser = createParser({
    maxBufferSize: answerLimits.eventCharsMax,
    onEvent: ({ data }) => void events.push(data),
    // Fields that nobody knows are passed over, as the form of the stream has it.
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded") endless.push(true);
    },
  });
  let finished: "stop" | "length" | null = null;
  for await (const text of decoded(response)) {
    parser.feed(text);
    if (endless.length > 0) throw malformed("has an event that does not end");
    for (const data of events.splice(0)) {
      // Whatever comes after the end (counts of tokens) is not ours to read.
      if (data === "[DONE]") finished ??= "stop";
      else if (finished === null)
        for (const piece of piecesOf(data)) {
          if ("finished" in piece) finished = piece.finished;
          else yield piece;
        }
    }
    if (finished !== null) {
      yield { finished };
      return;
    }
  }
  throw cutOff();
}

async function* readWhole(response: IncomingMessage): AsyncGenerator<ChatPiece> {
  let whole = "";
  for await (const text of decoded(response)) {
    whole += text;
    if (whole.length > answerLimits.eventCharsMax) throw malformed("is too long");
  }
  const pieces = piecesOf(whole);
  yield* pieces;
  if (!pieces.some((piece) => "finished" in piece)) yield { finished: "stop" };
}

/** The response as text, its size limited. */
async function* decoded(response: IncomingMessage): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (chunk: Uint8Array | undefined): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw malformed("is not UTF-8");
    }
  };
  let bytes = 0;
  const chunks: AsyncIterator<Buffer> = (response as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch((cause: unknown) => {
      throw cutOff(cause);
    });
    if (next.done) break;
    bytes += next.value.byteLength;
    if (bytes > answerLimits.responseBytesMax)
      throw answerFault(
        "ANSWER_TOO_LONG",
        `the endpoint has sent more than ${answerLimits.responseBytesMax} bytes and is still not done; ask more narrowly, or another model`,
      );
    yield decode(next.value);
  }
  yield decode(undefined);
}

/** @throws Fault ENDPOINT_MALFORMED, ENDPOINT_FAILED, ANSWER_REFUSED. */
function piecesOf(data: string): ChatPiece[] {
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    throw malformed("is not JSON"); // the parser's message quotes it
  }
  const chat = chatSchema.safeParse(json);
  if (!chat.success) throw malformed("has not the fields of a chat completion");
  const { error, choices } = chat.data;
  if (error !== undefined && error !== null)
    throw answerFault(
      "ENDPOINT_FAILED",
      "the endpoint reports a failure of its own; look into its log, then ask again",
    );
  const [choice] = choices ?? [];
  const { content, refusal } = choice?.delta ?? choice?.message ?? {};
  const reason = choice?.finish_reason ?? "";
  if (reason === "content_filter" || (refusal ?? "") !== "")
    throw answerFault(
      "ANSWER_REFUSED",
      "the endpoint withholds the answer by a rule of its own; put the question differently, or ask another endpoint",
    );
  return [
    ...((content ?? "") === "" ? [] : [{ text: content ?? "" }]),
    // "tool_calls" and whatever else there is are ends as well.
    ...(reason === "" ? [] : [{ finished: reason === "length" ? ("length" as const) : ("stop" as const) }]),
  ];
}

function cutOff(cause?: unknown): Error {
  return answerFault("ANSWER_CUT_OFF", "the endpoint broke off in the middle of its answer; ask again", cause);
}
