import { once } from "node:events";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { decode } from "cborg";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";
import { type HopMessage, encodeValue } from "../../../protocol/index.ts";
import type { Door, Reception, Visitor } from "./door.ts";
import { closing, opened, reception, sendInFragments } from "./sockets.ts";

/** Sockets that the machine of the plain door can hold. */
const SOCKETS_MAX = 256;

/** A coordinator that believes every name, decodes what comes, whatever its size, and ends with the first exception, as a process does. */
export class PlainDoor implements Door {
  readonly #server: Server = createServer();
  readonly #sockets = new WebSocketServer({
    server: this.#server,
    maxPayload: 0,
    maxFragments: 0,
    maxBufferedChunks: 0,
  });
  #port = 0;

  static async open(): Promise<PlainDoor> {
    const door = new PlainDoor();
    door.#server.maxConnections = SOCKETS_MAX;
    door.#sockets.on("connection", (socket) => {
      door.#serve(socket);
    });
    await door.#listen();
    return door;
  }

  async knock(...messages: readonly Uint8Array[]): Promise<Reception> {
    const socket = await this.#connect();
    if (!socket) return "CONNECTION_REFUSED";
    const closed = closing(socket);
    for (const message of messages) socket.send(message);
    const said = await reception(socket, closed);
    socket.terminate();
    return said;
  }

  enter({ name, protocol }: Visitor): Promise<Reception> {
    return this.knock(encodeValue({ type: "hello", protocol: protocol ?? 2, name }));
  }

  async say(member: string, message: HopMessage | Uint8Array, fragments = 1): Promise<Reception> {
    const socket = await opened(this.#url);
    const closed = closing(socket);
    socket.send(encodeValue({ type: "hello", protocol: 2, name: member }));
    sendInFragments(socket, message instanceof Uint8Array ? message : encodeValue(message), fragments);
    const said = await reception(socket, closed);
    socket.terminate();
    return said;
  }

  async crowd(member: string, connections: number): Promise<Reception> {
    const held = await Promise.all(Array.from({ length: connections - 1 }, () => opened(this.#url)));
    const last = await this.enter({ name: member, key: "member" });
    for (const socket of held) socket.terminate();
    return last;
  }

  async admitsBeside(silent: number): Promise<boolean> {
    const sockets = await Promise.all(Array.from({ length: silent }, () => opened(this.#url)));
    const admits = await this.admits();
    await Promise.all(
      sockets.map((socket) => {
        const gone = once(socket, "close");
        socket.terminate();
        return gone;
      }),
    );
    return admits;
  }

  /** And starts it again, if it has ended, for whatever is tried next. */
  async admits(): Promise<boolean> {
    const admits = (await this.enter({ name: "second", key: "member" })) === "taken";
    if (!this.#server.listening) await this.#listen();
    return admits;
  }

  visitImpostor(): Promise<Reception> {
    return this.enter({ name: "asker", key: "member" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get #url(): string {
    return `ws://127.0.0.1:${String(this.#port)}`;
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Null when nobody answers. */
  #connect(): Promise<WebSocket | null> {
    return opened(this.#url).catch(() => null);
  }

  #serve(socket: WebSocket): void {
    socket.on("error", () => undefined);
    socket.on("message", (data) => {
      try {
        decode(data as Buffer);
      } catch {
        for (const client of this.#sockets.clients) client.terminate();
        this.#server.close();
      }
    });
  }
}
