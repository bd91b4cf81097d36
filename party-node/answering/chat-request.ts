import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { pinned, unreachable } from "./connection.ts";
import type { ReachedEndpoint } from "./endpoint.ts";
import { answerFault, malformed } from "./faults.ts";
import type { ChatMessage } from "./prompt.ts";

export interface ChatRequest {
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly messages: readonly ChatMessage[];
  readonly signal: AbortSignal;
}

/**
 * Posts a chat and returns the response once it has begun with status 200.
 *
 * The connection is made to the addresses that were checked, by no proxy whatever the environment says, and no redirect is followed: what is sent reaches
 * whom somebody has agreed to, or nobody.
 *
 * @returns The caller reads it to its end or destroys it.
 * @throws Fault ENDPOINT_UNREACHABLE, ENDPOINT_UNAUTHORIZED, ENDPOINT_NOT_FOUND, ENDPOINT_BUSY, ENDPOINT_REFUSED, ENDPOINT_FAILED, ENDPOINT_REDIRECTS, ENDPOINT_MALFORMED; the signal's
 *   AbortError as it is.
 */
export async function postChat(
  { base, chatUrl, addresses }: ReachedEndpoint,
  { model, apiKey, messages, signal }: ChatRequest,
): Promise<IncomingMessage> {
  const body = JSON.stringify({ model, messages, stream: true });
  const options: RequestOptions = {
    method: "POST",
    lookup: pinned(addresses),
    signal,
    headers: {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      accept: "text/event-stream, application/json",
      "accept-encoding": "identity",
      "user-agent": "sotto",
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
  };
  // Agents of our own: Node's global ones obey proxy variables and may lend an old connection.
  const request =
    chatUrl.protocol === "https:"
      ? requestHttps(chatUrl, { ...options, agent: new HttpsAgent(), rejectUnauthorized: true })
      : requestHttp(chatUrl, { ...options, agent: new HttpAgent() });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request
      .once("response", resolve)
      .once("error", (cause: NodeJS.ErrnoException) => {
        reject(signal.aborted ? cause : unreachable(base, cause));
      })
      .once("upgrade", (_response, socket) => {
        socket.destroy();
        reject(malformed("is another protocol than HTTP"));
      })
      // Whatever way Node ends a request without a word: nothing else would settle it, not even the signal.
      .once("close", () => {
        reject(signal.aborted ? (signal.reason as Error) : unreachable(base, closed()));
      });
    request.end(body);
  });
  const { statusCode = 0 } = response;
  if (statusCode === 200) return response;
  response.destroy(); // what it says may quote what it was sent
  throw statusFault(base, statusCode);
}

const closed = (): Error => Object.assign(new Error("closed before a response"), { code: "ECONNRESET" });

function statusFault(base: string, status: number): Error {
  const said = `${base} answered with status ${status}`;
  if (status >= 300 && status < 400)
    return answerFault(
      "ENDPOINT_REDIRECTS",
      `${said}, which leads elsewhere and is not followed; give the address it leads to`,
    );
  if (status === 401 || status === 403)
    return answerFault("ENDPOINT_UNAUTHORIZED", `${said}: give a key that it accepts with --api-key-file`);
  if (status === 404 || status === 405)
    return answerFault(
      "ENDPOINT_NOT_FOUND",
      `${said}: check the address, which mostly ends in /v1, and the model's name`,
    );
  if (status === 429 || status === 503)
    return answerFault("ENDPOINT_BUSY", `${said}: it takes no more questions now; ask again later`);
  if (status >= 500) return answerFault("ENDPOINT_FAILED", `${said}: look into its log, then ask again`);
  return answerFault(
    "ENDPOINT_REFUSED",
    `${said}: it takes no such request. Check the model's name, or send less with --prompt-chars`,
  );
}
