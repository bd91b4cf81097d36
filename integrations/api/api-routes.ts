import type { QueryResult, SottoClient } from "../../party-node/asking/index.ts";
import { type Exchange, EventStream, type Route, problemOf, readJson, sendJson } from "../http/index.ts";
import { limits } from "../../protocol/index.ts";
import { openApi } from "./openapi.ts";
import { questionSchema } from "./schemas.ts";

/** A question of `limits.questionBytesMax` of which every character is escaped. */
const BODY_BYTES_MAX = 6 * limits.questionBytesMax + 1024;
/** Beyond a question's deadline: its result is there within six seconds after it. */
const ANSWER_SLACK_MS = 15_000;

export interface ApiOptions {
  /** Asked for every request; whoever made it closes it. */
  readonly client: Pick<SottoClient, "query" | "federation">;
  /** Of this package. */
  readonly version: string;
  readonly onBug: (error: unknown) => void;
}

/** The HTTP interface of a node: POST /v1/query, GET /v1/federation, GET /openapi.json. */
export function apiRoutes({ client, version, onBug }: ApiOptions): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/v1/query",
      timeoutMs: limits.queryDeadlineMsMax + ANSWER_SLACK_MS,
      handle: (exchange) => answerQuestion(exchange, client, onBug),
    },
    {
      method: "GET",
      path: "/v1/federation",
      handle: ({ response }) => {
        sendJson(response, client.federation);
      },
    },
    {
      method: "GET",
      path: "/openapi.json",
      isPublic: true,
      handle: ({ request, response }) => {
        sendJson(response, openApi(`http://${request.headers.host ?? ""}`, version));
      },
    },
  ];
}

async function answerQuestion(
  { request, response, signal }: Exchange,
  client: ApiOptions["client"],
  onBug: ApiOptions["onBug"],
): Promise<void> {
  const { question, ...options } = await readJson(request, questionSchema, BODY_BYTES_MAX);
  const asking = client.query(question, { ...options, signal });
  if (!wantsEvents(request.headers.accept)) {
    sendJson(response, shown(await asking.result));
    return;
  }
  const stream = new EventStream(response, signal);
  try {
    for await (const outcome of asking) await stream.send("party", outcome);
    await stream.send("result", shown(await asking.result));
  } catch (error) {
    const problem = problemOf(error);
    if (problem.code === "INTERNAL" && !signal.aborted) onBug(error);
    await stream.send("problem", problem);
  }
  stream.end();
}

function wantsEvents(accept = ""): boolean {
  return accept.split(",").some((type) => type.trim().toLowerCase().startsWith("text/event-stream"));
}

function shown({ passages, parties, timingsMs }: QueryResult): QueryResult {
  return { passages, parties, timingsMs };
}
