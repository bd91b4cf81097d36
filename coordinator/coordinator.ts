import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Logger } from "pino";
import { WebSocketServer } from "ws";
import { Fault, ringLayout, hexOf } from "../crypto/index.ts";
import type { AuditSink } from "../operation/audit/index.ts";
import {
  CHECK_KEY_BOX_BYTES,
  type Carrier,
  type Federation,
  type FrameObserver,
  type HopMessage,
  type Identity,
  type MessageSocket,
  type SecureConnection,
  type TlsCertificate,
  accept,
  checkTlsCertificate,
  isMember,
  limits,
  offerRevision,
  socketOptions,
  takeUpFederation,
} from "../protocol/index.ts";
import { receiveInvited } from "./invited.ts";
import type { Member } from "./member.ts";
import { QueryRouter } from "./query-router.ts";
import { TotalRouter } from "./total-router.ts";
import { Roster } from "./roster.ts";
import { SessionRouter } from "./session-router.ts";
import { WaitingRoom } from "./waiting-room.ts";

export type CoordinatorFaultCode = "PORT_IN_USE" | "ADDRESS_UNUSABLE";

export interface CoordinatorOptions {
  readonly identity: Identity;
  readonly federation: Federation;
  readonly log: Logger;
  readonly observer?: FrameObserver;
  /** Told of who comes, goes and is not admitted, for the audit log and the metrics. */
  readonly onEvent?: AuditSink;
  /** With it, `wss` is spoken in place of `ws`. */
  readonly tls?: TlsCertificate;
}

/** What a browser is told. */
const answerBrowser: RequestListener = (_request, response) =>
  void response
    .writeHead(426, { "content-type": "text/plain" })
    .end("This is a Sotto coordinator; connect with a WebSocket.\n");

/** Strangers who open a connection and say nothing, or next to nothing, are let go after the handshake's time, looked for often within it. */
function patience(): ServerOptions {
  const { handshakeTimeoutMs } = limits;
  return {
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs,
    connectionsCheckingInterval: handshakeTimeoutMs / 10,
  };
}

/**
 * Admits members, tells queriers who serves, carries queries, answers and end-to-end sessions, and keeps nothing of them but its audit log. Holds no key but its
 * own identity's.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #tlsServer: TlsServer | null;
  readonly #sockets: WebSocketServer;
  readonly #members = new Set<Member>();
  readonly #roster = new Roster();
  readonly #queries: QueryRouter | TotalRouter;
  readonly #sessions = new SessionRouter(this.#roster);
  /** A signed query of this federation is not larger: what is would only fill the parties' queues. */
  readonly #queryBytesMax: number;
  readonly #stopFollowing: () => void;
  /** Connections that have not become WebSockets. */
  readonly #speechless = new WaitingRoom<Socket>(limits.handshakesMax, (socket) => socket.destroy());
  /** WebSockets that have not shown who they are. */
  readonly #waiting = new WaitingRoom<MessageSocket>(limits.handshakesMax, (socket) => {
    socket.terminate();
  });

  /** @throws Fault VERTICAL_INCOMPLETE, CERTIFICATE_MALFORMED. */
  constructor(options: CoordinatorOptions) {
    const { federation, tls } = options;
    this.#options = options;
    this.#tlsServer = tls ? openTlsServer(tls) : null;
    this.#server = this.#tlsServer ?? createServer(patience(), answerBrowser);
    this.#log = options.log;
    this.#queries = federation.terms.vertical
      ? new TotalRouter(this.#roster, federation)
      : new QueryRouter(this.#roster);
    this.#queryBytesMax = federationQueryBytes(options.federation) + limits.queryEnvelopeBytesMax;
    this.#sockets = new WebSocketServer({ ...socketOptions, server: this.#server });
    // Behind TLS a connection counts from when it can be read; before, Node gives it the same time.
    this.#server.on(this.#tlsServer ? "secureConnection" : "connection", (socket: Socket) => {
      this.#speechless.enter(socket);
      socket.once("close", () => {
        this.#speechless.leave(socket);
      });
    });
    this.#sockets.on("connection", (socket, request) => {
      this.#speechless.leave(request.socket);
      void this.admit(socket, request.socket);
    });
    this.#stopFollowing = federation.onChange((changed) => {
      this.#federationChanged(changed);
    });
  }

  /**
   * @param port - 0 chooses a free one.
   * @returns The port it listens on.
   * @throws Fault PORT_IN_USE, ADDRESS_UNUSABLE.
   */
  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      // ws passes the HTTP server's errors on; whoever listens first gets them.
      this.#sockets.once("error", (error: NodeJS.ErrnoException) => {
        reject(
          error.code === "EADDRINUSE"
            ? new Fault<CoordinatorFaultCode>(
                "PORT_IN_USE",
                `port ${String(port)} on ${host} is in use; choose another with --port, or stop what uses it`,
                error,
              )
            : new Fault<CoordinatorFaultCode>(
                "ADDRESS_UNUSABLE",
                `cannot listen on ${host}:${String(port)} (${error.code ?? "unknown"})`,
                error,
              ),
        );
      });
      this.#server.listen(port, host, resolve);
    });
    this.#sockets.on("error", (error) => {
      this.#log.error({ err: error }, "server failed");
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * Shows this certificate to whoever connects from now on; connections there are go on.
   *
   * @throws Fault CERTIFICATE_MALFORMED, and nothing is changed; TypeError where TLS is not spoken.
   */
  renewCertificate(tls: TlsCertificate): void {
    if (!this.#tlsServer) throw new TypeError("the coordinator was started without a certificate");
    checkTlsCertificate(tls);
    this.#tlsServer.setSecureContext({ ...TLS, ...tls });
  }

  async close(): Promise<void> {
    this.#stopFollowing();
    this.#queries.close();
    for (const { connection } of this.#members) connection.close();
    for (const socket of this.#sockets.clients)
      setTimeout(() => {
        socket.terminate();
      }, 500).unref();
    await new Promise((resolve) => this.#sockets.close(resolve));
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /**
   * Lets in whoever opened this socket and shows to be a member; never rejects. {@link listen} calls it for every WebSocket.
   *
   * @param carrier - What is below the socket.
   */
  async admit(socket: MessageSocket, carrier: Carrier): Promise<void> {
    socket.on("error", () => undefined);
    if (this.#members.size >= limits.connectionsMax) {
      socket.terminate();
      return;
    }
    this.#waiting.enter(socket);
    try {
      const { federation } = this.#options;
      const invitationKeyOf = (name: string): Uint8Array | null => federation.invitationKeyOf(name, Date.now());
      const connection = await accept(socket, carrier, { ...this.#options, invitationKeyOf });
      if (isMember(federation, connection)) this.#join({ name: connection.peer, connection });
      else await this.#receiveInvited(connection);
    } catch (error) {
      this.#options.onEvent?.({ kind: "strangers-refused", connections: 1 });
      if (error instanceof Fault && error.code === "CONNECTION_LOST")
        this.#log.info("a connection was closed before it was known whose it is");
      else if (error instanceof Fault) this.#log.warn({ code: error.code }, "a connection was not admitted");
      else this.#log.error({ err: error }, "admitting a connection failed");
    } finally {
      this.#waiting.leave(socket);
    }
  }

  /** Stays in the waiting room until it is gone. */
  async #receiveInvited(connection: SecureConnection): Promise<void> {
    const { federation } = this.#options;
    const { peer: invited } = connection;
    const { hasJoined, refused } = await receiveInvited({ connection, federation, wallClock: () => Date.now() });
    if (hasJoined) this.#log.info({ member: invited }, "joined by invitation");
    else if (refused !== null) this.#log.warn({ invited, code: refused }, "an invitation was refused");
    else this.#log.info({ invited }, "came with an invitation, and left without joining");
  }

  #join(member: Member): void {
    const own = [...this.#members].filter(({ name }) => name === member.name).length;
    if (own >= limits.connectionsPerMemberMax) {
      member.connection.send({
        type: "goodbye",
        code: "LIMIT_EXCEEDED",
        reason: "this member has too many connections",
      });
      member.connection.close();
      return;
    }
    this.#members.add(member);
    this.#log.info({ member: member.name }, "connected");
    this.#options.onEvent?.({ kind: "member-connected", member: member.name });
    const send = (message: HopMessage): void => {
      member.connection.send(message);
    };
    send({ type: "roster", parties: this.#roster.names() });
    offerRevision(this.#options.federation, send);
    member.connection.listen(
      (message) => {
        this.#handle(member, message);
      },
      (why) => {
        this.#leave(member, why);
      },
    );
  }

  #handle(member: Member, message: HopMessage): void {
    switch (message.type) {
      case "serve":
        this.#serve(member, message.encoder);
        break;
      case "query":
        if (this.#mayQuery(member, message.body.length)) this.#queries.ask(member, message);
        break;
      case "cancel":
        this.#queries.cancel(member, message.queryId);
        break;
      case "answer":
      case "share":
      case "refusal":
        this.#reply(member, message);
        break;
      case "relay":
        this.#sessions.relay(member, message, this.#options.federation.hasRole(member.name, "querier"));
        break;
      case "hangup":
        this.#sessions.hangup(member, message.session, message.code);
        break;
      case "federation-revision":
      case "federation":
        this.#takeUp(member, message);
        break;
      default:
        this.#expel(member, "MESSAGE_UNKNOWN", `a member does not send ${message.type}`);
    }
  }

  #takeUp(member: Member, message: HopMessage): void {
    try {
      takeUpFederation(this.#options.federation, message, (reply) => {
        member.connection.send(reply);
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      // What its founder signed, and this process cannot take up, is no fault of the member's.
      if (error.code === "FEDERATION_FORKED" || error.code === "FEDERATION_REFOUNDED")
        this.#log.error({ code: error.code, reason: error.message }, "a newer federation file was not taken up");
      else this.#expel(member, error.code, error.message);
    }
  }

  /** Whoever is no member any more, or not as before, has to come again; all others get the file. */
  #federationChanged(changed: ReadonlySet<string>): void {
    const { federation, identity } = this.#options;
    this.#log.info({ revision: federation.terms.revision, members: [...changed] }, "federation changed");
    const { revision, members } = federation.terms;
    this.#options.onEvent?.({ kind: "federation-taken", revision, members: members.length });
    for (const member of this.#members) {
      // A removed member gets it too, and so knows why.
      member.connection.send({ type: "federation", file: federation.file });
      // With another key of the coordinator's everybody makes sure of it again.
      if (changed.has(identity.name)) this.#expel(member, "MEMBERSHIP_CHANGED", "the coordinator has another key now");
      else if (changed.has(member.name))
        this.#expel(
          member,
          federation.publicKeyOf(member.name) ? "MEMBERSHIP_CHANGED" : "NOT_A_MEMBER",
          `the founder has changed what ${member.name} is in this federation`,
        );
    }
  }

  #reply(member: Member, message: Extract<HopMessage, { type: "answer" | "share" | "refusal" }>): void {
    if (this.#queries instanceof TotalRouter && message.type !== "answer") this.#queries.reply(member, message);
    else if (this.#queries instanceof QueryRouter && message.type !== "share") this.#queries.reply(member, message);
    else this.#expel(member, "MESSAGE_UNKNOWN", `a party of this federation does not send ${message.type}`);
  }

  #serve(member: Member, encoder: Uint8Array): void {
    const { federation } = this.#options;
    if (!federation.hasRole(member.name, "party")) {
      this.#expel(member, "WRONG_ROLE", `${member.name} is not a party of this federation`);
      return;
    }
    if (hexOf(encoder) !== federation.terms.encoder.fingerprint) {
      this.#expel(member, "ENCODER_MISMATCH", "the party's encoder is not the federation's");
      return;
    }
    if (this.#roster.party(member.name) === member) return;
    const replaced = this.#roster.serve(member);
    replaced?.connection.send({
      type: "goodbye",
      code: "CONNECTION_LOST",
      reason: "the same party has connected again",
    });
    replaced?.connection.close();
    this.#log.info({ party: member.name }, "serving");
    this.#options.onEvent?.({ kind: "party-serving", member: member.name });
    this.#tellRoster();
  }

  #mayQuery(member: Member, bytes: number): boolean {
    if (!this.#options.federation.hasRole(member.name, "querier"))
      this.#expel(member, "WRONG_ROLE", `${member.name} is not a querier of this federation`);
    else if (bytes > this.#queryBytesMax)
      this.#expel(member, "FRAME_TOO_LARGE", "the query is larger than a query of this federation can be");
    else return true;
    return false;
  }

  #expel(member: Member, code: string, reason: string): void {
    if (code === "MEMBERSHIP_CHANGED") this.#log.info({ member: member.name }, "has to connect again");
    else this.#log.warn({ member: member.name, code }, "expelled");
    this.#options.onEvent?.({ kind: "member-expelled", member: member.name, code });
    member.connection.send({ type: "goodbye", code, reason });
    member.connection.close();
  }

  #leave(member: Member, why: Fault): void {
    this.#members.delete(member);
    const { name, connection } = member;
    const code = connection.endedOrderly ? "CLOSED" : why.code;
    if (connection.endedOrderly) this.#log.info({ member: name }, "disconnected");
    else this.#log.info({ member: name, code }, "disconnected without a word");
    this.#options.onEvent?.({ kind: "member-left", member: name, code });
    const served = this.#roster.leave(member);
    this.#queries.left(member);
    this.#sessions.left(member);
    if (served) this.#tellRoster();
  }

  #tellRoster(): void {
    const parties = this.#roster.names();
    for (const { connection } of this.#members) connection.send({ type: "roster", parties });
  }
}

const TLS = { minVersion: "TLSv1.3" } as const;

/** @throws Fault CERTIFICATE_MALFORMED. */
function openTlsServer(tls: TlsCertificate): TlsServer {
  checkTlsCertificate(tls);
  return createTlsServer({ ...patience(), ...TLS, ...tls, handshakeTimeout: limits.handshakeTimeoutMs }, answerBrowser);
}

function federationQueryBytes({ terms: { scoring, mode, vertical } }: Federation): number {
  const { queryBytes } = ringLayout({ ...scoring, seed: Buffer.from(scoring.seed, "base64") });
  const checkKeys = (vertical?.parties ?? 0) * (CHECK_KEY_BOX_BYTES + 1);
  return (mode === "clear" ? scoring.dim * 4 : queryBytes) + checkKeys;
}
