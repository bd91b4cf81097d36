import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { WebSocketServer } from "ws";
import type { Coordinator, CoordinatorOptions } from "../../coordinator/index.ts";
import type { Member } from "../../coordinator/member.ts";
import { QueryRouter } from "../../coordinator/query-router.ts";
import { Roster } from "../../coordinator/roster.ts";
import { SessionRouter } from "../../coordinator/session-router.ts";
import { TotalRouter } from "../../coordinator/total-router.ts";
import { type HopMessage, type SecureConnection, accept, socketOptions } from "../../protocol/index.ts";

/** Where a coordinator departs from the protocol. */
export interface CoordinatorLies {
  /** What it sends to a member in place of a message. */
  readonly to: (message: HopMessage, member: string) => readonly HopMessage[];
  /** Sees all that members send. */
  readonly from: (message: HopMessage, member: string) => void;
}

/** A coordinator with the real one's key and routers that checks no role and no size, and lies where it is told to. */
export class LyingCoordinator implements Pick<Coordinator, "listen" | "close"> {
  readonly #options: CoordinatorOptions;
  readonly #lies: CoordinatorLies;
  readonly #server: Server = createServer();
  readonly #sockets = new WebSocketServer({ ...socketOptions, server: this.#server });
  readonly #roster = new Roster();
  readonly #members = new Set<Member>();
  readonly #queries: QueryRouter | TotalRouter;
  readonly #sessions = new SessionRouter(this.#roster);

  constructor(options: CoordinatorOptions, lies: CoordinatorLies) {
    const { federation } = options;
    this.#options = options;
    this.#lies = lies;
    this.#queries = federation.terms.vertical
      ? new TotalRouter(this.#roster, federation)
      : new QueryRouter(this.#roster);
    this.#sockets.on("connection", (socket, request) => {
      accept(socket, request.socket, this.#options).then(
        (connection) => {
          this.#join(connection);
        },
        () => undefined,
      );
    });
  }

  async listen(port: number, host: string): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#queries.close();
    for (const socket of this.#sockets.clients) socket.terminate();
    await new Promise((resolve) => this.#sockets.close(resolve));
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A message of its own to whoever serves under this name. */
  send(party: string, message: HopMessage): void {
    this.#roster.party(party)?.connection.send(message);
  }

  #join(connection: SecureConnection): void {
    const name = connection.peer;
    const send = (message: HopMessage): void => {
      for (const said of this.#lies.to(message, name)) connection.send(said);
    };
    // Routers do nothing but send.
    const member: Member = { name, connection: { send } as unknown as SecureConnection };
    this.#members.add(member);
    send({ type: "roster", parties: this.#roster.names() });
    connection.listen(
      (message) => {
        this.#lies.from(message, name);
        this.#handle(member, message);
      },
      () => {
        this.#members.delete(member);
        this.#roster.leave(member);
        this.#queries.left(member);
        this.#sessions.left(member);
      },
    );
  }

  #handle(member: Member, message: HopMessage): void {
    const queries = this.#queries;
    if (message.type === "serve") {
      this.#roster.serve(member);
      for (const { connection } of this.#members) connection.send({ type: "roster", parties: this.#roster.names() });
    } else if (message.type === "query") queries.ask(member, message);
    else if (message.type === "cancel") queries.cancel(member, message.queryId);
    else if (message.type === "relay") this.#sessions.relay(member, message, true);
    else if (message.type === "hangup") this.#sessions.hangup(member, message.session, message.code);
    else if (queries instanceof TotalRouter && (message.type === "share" || message.type === "refusal"))
      queries.reply(member, message);
    else if (queries instanceof QueryRouter && (message.type === "answer" || message.type === "refusal"))
      queries.reply(member, message);
  }
}
