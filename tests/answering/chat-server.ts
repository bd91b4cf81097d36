import { type IncomingMessage, type RequestListener, type ServerResponse, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What a request of a chat completion held. */
export interface ReceivedChat {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: {
    readonly model: string;
    readonly stream: boolean;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
  };
  /** Resolves once the connection that it came by has ended. */
  readonly closed: Promise<void>;
}

/** Answers one chat; what it throws is the test's failure. */
export type Reply = (response: ServerResponse, chat: ReceivedChat) => void | Promise<void>;

export interface ChatServerOptions {
  /** Default http. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Default 127.0.0.1. */
  readonly host?: string;
}

/** A server with real sockets that speaks the streamed form of OpenAI's chat completions, in the way that the test says. */
export class ChatServer implements AsyncDisposable {
  readonly chats: ReceivedChat[] = [];
  /** Connections of any kind. */
  connections = 0;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    server.on("connection", () => this.connections++);
  }

  static async start(reply: Reply, { tls, host = "127.0.0.1" }: ChatServerOptions = {}): Promise<ChatServer> {
    const listener: RequestListener = (request, response) => {
      void text(request).then((body) => {
        const closed = new Promise<void>((resolve) => response.once("close", resolve));
        const parsed = JSON.parse(body) as ReceivedChat["body"];
        const chat = { path: request.url ?? "", headers: request.headers, body: parsed, closed };
        server.chats.push(chat);
        return reply(response, chat);
      });
    };
    const server = new ChatServer(tls ? createTlsServer(tls, listener) : createServer(listener));
    await new Promise<void>((resolve) => server.#server.listen(0, host, resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get base(): string {
    return `http://127.0.0.1:${String(this.port)}/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Begins a stream of events. */
export function beginStream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
}

/** One event, as OpenAI's interface writes it. */
export function chunk(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices })}\n\n`;
}

/** A well-behaved endpoint's answer, in these pieces. */
export function streamed(...pieces: readonly string[]): Reply {
  return (response) => {
    beginStream(response);
    response.write(chunk({ role: "assistant", content: "" }));
    for (const content of pieces) response.write(chunk({ content }));
    response.end(`${chunk({}, "stop")}data: [DONE]\n\n`);
  };
}
