import { once } from "node:events";
import type { ServerResponse } from "node:http";

export interface Body {
  /** Default 200. */
  readonly status?: number;
  /** The media type. */
  readonly type: string;
  readonly body: string | Uint8Array;
}

/** Answers with one body. Headers that were set before stay. */
export function sendBody(response: ServerResponse, { status = 200, type, body }: Body): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-type": type, "content-length": bytes.length }).end(bytes);
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  sendBody(response, { status, type: "application/json", body: JSON.stringify(value) });
}

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), each with JSON as its data. */
export class EventStream {
  readonly #response: ServerResponse;

  /** Sends the headers. */
  constructor(response: ServerResponse) {
    this.#response = response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
  }

  /**
   * Resolves when the caller can take more.
   *
   * @param signal - Ends the wait for a caller that has gone: the promise then resolves too.
   */
  async send(event: string, data: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    await once(this.#response, "drain", { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  end(): void {
    this.#response.end();
  }
}
