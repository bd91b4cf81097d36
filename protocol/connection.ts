import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../crypto/fault.ts";
import { decodeHopMessage, encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import type { KnownMembers } from "./federation.ts";
import { HandshakeInbox, asBytes, isRefusal, refusalInWords } from "./handshake-inbox.ts";
import { type Established, type HandshakeContext, type Identity, Initiator, Responder } from "./handshake.ts";
import { CHANNEL_OVERHEAD_BYTES } from "./secure-channel.ts";
import { limits } from "./limits.ts";
import type { HopMessage } from "./messages.ts";
import { type Carrier, type Connect, type MessageSocket, connectWebSocket } from "./transport.ts";

/** One message as a process sees it on one hop, after hop decryption. */
export interface SeenFrame {
  readonly direction: "in" | "out";
  readonly peer: string;
  readonly type: string;
  readonly bytes: number;
  readonly message: HopMessage;
  /** The message's encoding; not to be changed or kept. */
  readonly payload: Uint8Array;
}

export type FrameObserver = (frame: SeenFrame) => void;

export interface ConnectionOptions {
  readonly identity: Identity;
  readonly federation: KnownMembers;
  /** Called for every message either way; for reports and transcripts. */
  readonly observer?: FrameObserver | undefined;
}

export interface DialOptions extends ConnectionOptions {
  /** Certificates (PEM) of the only authorities to trust for `wss`; default are the public ones. Beside the handshake, which trusts none of them. */
  readonly ca?: string | undefined;
  /** Ends an attempt that is under way, whatever it waits for. */
  readonly signal?: AbortSignal | undefined;
  /** What carries the connection; default are WebSockets. */
  readonly connect?: Connect | undefined;
}

export interface AcceptOptions extends ConnectionOptions {
  /** The key of who is no member yet and may come to become one; such a peer stays a stranger, of whom little is taken. */
  readonly invitationKeyOf?: ((name: string) => Uint8Array | null) | undefined;
}

const CLOSE_NORMAL = 1000;
const CLOSE_POLICY = 1008;

/** What the layer "hop" needs to know of a federation. */
export function handshakeContext(federation: KnownMembers, layer: HandshakeContext["layer"]): HandshakeContext {
  const { id: federationId, publicKeyOf, claimedKeyOf } = federation;
  return { layer, federationId, publicKeyOf, claimedKeyOf };
}

/** An authenticated connection: typed messages in order, until it closes once. */
export class SecureConnection {
  readonly peer: string;
  /** As {@link Established.peerKey}. */
  readonly peerKey: Uint8Array;
  readonly #socket: MessageSocket;
  readonly #established: Established;
  readonly #observer: FrameObserver | undefined;
  readonly #heartbeat: NodeJS.Timeout;
  #alive = true;
  #endedOrderly = false;
  /** Whether the peer has sent anything authentic: then it has accepted the handshake. */
  #confirmed = false;
  #closing = false;
  #closed: Fault | null = null;
  #onMessage: ((message: HopMessage) => void) | null = null;
  #onClose: ((why: Fault) => void) | null = null;
  readonly #early: Uint8Array[];

  /** @param early - Messages that arrived behind the handshake's last. */
  constructor(
    socket: MessageSocket,
    established: Established,
    observer: FrameObserver | undefined,
    early: readonly Uint8Array[],
  ) {
    this.peer = established.peer;
    this.peerKey = established.peerKey;
    this.#socket = socket;
    this.#established = established;
    this.#observer = observer;
    this.#early = [...early];
    socket.on("message", (data) => {
      if (this.#closing) return;
      if (this.#onMessage) this.#receive(asBytes(data));
      else if (this.#early.push(asBytes(data)) > limits.earlyMessagesMax)
        this.#fail(new Fault("LIMIT_EXCEEDED", `${this.peer} sends before it is asked`));
    });
    socket.on("close", (code, reason) => {
      // The peer judges the handshake's last message when this side has already gone on. Later, a reason anybody can forge says nothing.
      const said = reason.toString();
      const shown = /^[A-Z_]{1,64}$/.test(said) ? said : String(code);
      const refusal = !this.#confirmed && isRefusal(said) ? said : null;
      if (!this.#closed) this.#endedOrderly = code === CLOSE_NORMAL;
      this.#ended(
        new Fault(
          refusal ?? "CONNECTION_LOST",
          `the connection to ${this.peer} was closed (${shown})${refusal === null ? "" : refusalInWords(refusal)}`,
        ),
      );
    });
    socket.on("error", (cause) => {
      this.#ended(new Fault("CONNECTION_LOST", `the connection to ${this.peer} failed`, cause));
    });
    socket.on("pong", () => {
      this.#alive = true;
    });
    this.#heartbeat = setInterval(() => {
      this.#beat();
    }, limits.heartbeatMs).unref();
  }

  /** Sets the handlers, once; messages that came earlier are delivered first. `onClose` is called exactly once. */
  listen(onMessage: (message: HopMessage) => void, onClose: (why: Fault) => void): void {
    this.#onMessage = onMessage;
    this.#onClose = onClose;
    for (const data of this.#early.splice(0)) this.#receive(data);
    if (this.#closed) this.#reportClose(this.#closed);
  }

  /** Queues a message; a peer that lets too much queue up is dropped. Does nothing on a closed connection. */
  send(message: HopMessage): void {
    if (this.#closed) return;
    const payload = encodeValue(message);
    if (payload.length + CHANNEL_OVERHEAD_BYTES > limits.frameBytesMax)
      throw new Fault<ProtocolFaultCode>(
        "FRAME_TOO_LARGE",
        `a ${message.type} message would have ${String(payload.length)} bytes`,
      );
    if (this.#socket.bufferedAmount + payload.length > limits.sendQueueBytesMax) {
      this.#fail(new Fault("PEER_TOO_SLOW", `${this.peer} does not read what it is sent`));
      return;
    }
    this.#observed("out", message, payload);
    this.#socket.send(this.#established.channel.seal(payload));
  }

  /** Whether it has ended because one side closed it, and nothing went wrong. */
  get endedOrderly(): boolean {
    return this.#endedOrderly;
  }

  /** Bytes that the peer has yet to take. */
  get queuedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Resolves when the peer has taken most of what it was sent, or is gone. */
  async drained(): Promise<void> {
    while (!this.#closed && this.#socket.bufferedAmount > limits.sendQueueBytesComfortable) await sleep(5);
  }

  /** Closes after what is queued has been sent, within a few seconds; what still comes in is dropped. */
  close(): void {
    this.#closing = true;
    this.#socket.close(CLOSE_NORMAL);
    setTimeout(() => {
      this.#socket.terminate();
    }, limits.closeFlushMs).unref();
  }

  #receive(data: Uint8Array): void {
    if (this.#closed) return;
    try {
      const payload = this.#established.channel.open(data);
      this.#confirmed = true;
      const message = decodeHopMessage(payload);
      this.#observed("in", message, payload);
      this.#onMessage?.(message);
    } catch (error) {
      // What is not a fault is a bug of ours or a failing disk: it ends this connection, not the process.
      this.#fail(error instanceof Fault ? error : new Fault("INTERNAL", "handling a message failed", error));
    }
  }

  #observed(direction: SeenFrame["direction"], message: HopMessage, payload: Uint8Array): void {
    const { type } = message;
    this.#observer?.({ direction, peer: this.peer, type, bytes: payload.length, message, payload });
  }

  #fail(why: Fault): void {
    dismiss(this.#socket, why.code);
    this.#ended(why);
  }

  #beat(): void {
    if (!this.#alive) {
      this.#socket.terminate();
      return;
    }
    this.#alive = false;
    this.#socket.ping();
  }

  #ended(why: Fault): void {
    if (this.#closed) return;
    this.#closed = why;
    clearInterval(this.#heartbeat);
    this.#reportClose(why);
  }

  #reportClose(why: Fault): void {
    const report = this.#onClose;
    this.#onClose = null;
    report?.(why);
  }
}

/**
 * Opens a connection to a coordinator and authenticates both sides.
 *
 * A refusal before the handshake's end is not signed, so nothing is tried again in another way because of it: no lower version, no `ws` in place of `wss`.
 *
 * @throws Fault CONNECTION_REFUSED, HANDSHAKE_TIMEOUT, HANDSHAKE_FAILED, NOT_A_MEMBER, WRONG_ROLE, FEDERATION_MISMATCH, VERSION_UNSUPPORTED, LIMIT_EXCEEDED,
 *   and for `wss` CERTIFICATE_UNTRUSTED, CERTIFICATE_EXPIRED, CERTIFICATE_NAME, TLS_FAILED.
 */
export async function dial(url: string, options: DialOptions): Promise<SecureConnection> {
  const { connect = connectWebSocket, ca } = options;
  const socket = connect(url, { ca });
  const inbox = new HandshakeInbox(socket);
  socket.once("upgrade", ({ socket: carrier }) => {
    inbox.guard(carrier);
  });
  const stop = (): void => {
    socket.terminate();
  };
  options.signal?.addEventListener("abort", stop);
  try {
    if (options.signal?.aborted) stop();
    await inbox.opened(url);
    const initiator = new Initiator(options.identity, handshakeContext(options.federation, "hop"));
    socket.send(initiator.hello);
    const established = initiator.receiveWelcome(await inbox.next());
    if (!options.federation.hasRole(established.peer, "coordinator")) {
      throw new Fault<ProtocolFaultCode>(
        "WRONG_ROLE",
        `${url} is run by "${established.peer}", who is not a coordinator of this federation`,
      );
    }
    inbox.trust();
    socket.send(established.finish);
    return new SecureConnection(socket, established, options.observer, inbox.release());
  } catch (error) {
    inbox.release();
    socket.on("error", () => undefined);
    socket.terminate();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

/**
 * Authenticates a socket that a member has opened, or who is invited.
 *
 * @param carrier - What is below the socket.
 * @throws Fault as {@link dial}; the socket is closed with the code as its reason.
 */
export async function accept(
  socket: MessageSocket,
  carrier: Carrier,
  { identity, federation, observer, invitationKeyOf = () => null }: AcceptOptions,
): Promise<SecureConnection> {
  const inbox = new HandshakeInbox(socket);
  inbox.guard(carrier);
  try {
    const responder = new Responder(identity, {
      ...handshakeContext(federation, "hop"),
      publicKeyOf: (name) => federation.publicKeyOf(name) ?? invitationKeyOf(name),
    });
    socket.send(responder.receiveHello(await inbox.next()));
    const established = responder.receiveFinish(await inbox.next());
    if (isMember(federation, established)) inbox.trust();
    return new SecureConnection(socket, established, observer, inbox.release());
  } catch (error) {
    inbox.release();
    dismiss(socket, error instanceof Fault ? error.code : "HANDSHAKE_FAILED");
    throw error;
  }
}

/** Whether the peer showed the key that this member has now, not one that it had, or an invitation's. */
export function isMember(
  { publicKeyOf }: KnownMembers,
  { peer, peerKey }: Pick<Established, "peer" | "peerKey">,
): boolean {
  const key = publicKeyOf(peer);
  return key !== null && Buffer.compare(key, peerKey) === 0;
}

/** Says why, and closes the socket for good soon after, whatever the peer does. */
export function dismiss(socket: MessageSocket, code: string): void {
  socket.on("error", () => undefined);
  socket.close(CLOSE_POLICY, code);
  setTimeout(() => {
    socket.terminate();
  }, limits.closeGraceMs).unref();
}
