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
  readonly #signal: AbortSignal;
  /** Resolves when the caller can take more; null while it can. One for all who wait. */
  #drained: Promise<void> | null = null;

  /**
   * Sends the headers.
   *
   * @param signal - Aborted when the caller has gone: nothing is sent any more, and nobody waits.
   */
  constructor(response: ServerResponse, signal: AbortSignal) {
    this.#response = response.writeHead(200, { "content-type": "text/event-stream" });
    this.#signal = signal;
    response.flushHeaders();
  }

  /** Resolves when the caller can take more. What is sent before that is kept in memory. */
  async send(event: string, data: unknown): Promise<void> {
    this.#write(event, data);
    await this.#drained;
  }

  /** Sends what can be left out, such as progress: nothing while the caller takes no more. */
  offer(event: string, data: unknown): void {
    if (this.#drained === null) this.#write(event, data);
  }

  end(): void {
    this.#response.end();
  }

  #write(event: string, data: unknown): void {
    if (this.#signal.aborted) return;
    if (this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    this.#drained ??= this.#drain();
    // Whoever only offers does not wait for it.
    this.#drained.catch(() => undefined);
  }

  async #drain(): Promise<void> {
    try {
      await once(this.#response, "drain", { signal: this.#signal });
      this.#drained = null;
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    }
  }
}
