import { createParser } from "eventsource-parser";
import type { Fault } from "../api.ts";
import { authorization, lock, loseNode } from "./state/session.ts";

/** What the node said no to. */
export class Refusal extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.detail);
    this.fault = fault;
  }
}

export interface Sent {
  readonly method?: "GET" | "POST" | "PUT";
  /** Sent as JSON, or as it is where it is a file. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** @throws Refusal; TypeError when the node cannot be reached. */
async function send(path: string, { method = "GET", body, signal }: Sent): Promise<Response> {
  const isFile = body instanceof Blob;
  const type = isFile ? "application/octet-stream" : "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...authorization(), ...(body === undefined ? {} : { "content-type": type }) },
      ...(body === undefined ? {} : { body: isFile ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted !== true) loseNode();
    throw error;
  }
  if (response.ok) return response;
  const fault = (await response.json().catch(() => ({ code: "HTTP", detail: response.statusText }))) as Fault;
  if (response.status === 401) lock();
  throw new Refusal(fault);
}

export async function request<Value>(path: string, sent: Sent = {}): Promise<Value> {
  return (await (await send(path, sent)).json()) as Value;
}

/** Calls `onEvent` with every event of a stream, and resolves at its end. */
export async function stream<Events>(
  path: string,
  sent: Sent,
  onEvent: (event: { [Name in keyof Events]: { name: Name; data: Events[Name] } }[keyof Events]) => void,
): Promise<void> {
  const { body } = await send(path, { method: "POST", ...sent });
  const parser = createParser({
    onEvent: ({ event, data }) => {
      onEvent({ name: event, data: JSON.parse(data) as unknown } as Parameters<typeof onEvent>[0]);
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
}

/** What went wrong, for people. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Refusal) return error.fault;
  return {
    code: "NODE_UNREACHABLE",
    detail:
      "The node does not answer. Look at the terminal where `sotto console` runs, and start it again if it has ended.",
  };
}
