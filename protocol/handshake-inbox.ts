import { type RawData, WebSocket } from "ws";
import { Fault } from "../crypto/fault.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { limits } from "./limits.ts";
import { certificateFault } from "./tls.ts";
import type { Carrier, MessageSocket } from "./transport.ts";

/** Messages of a socket one by one, with the handshake's deadline over all of them. */
export class HandshakeInbox {
  readonly #socket: MessageSocket;
  readonly #messages: Uint8Array[] = [];
  readonly #timer: NodeJS.Timeout;
  #failure: Fault | null = null;
  #wake: (() => void) | null = null;
  #endGuard: () => void = () => undefined;

  constructor(socket: MessageSocket) {
    this.#socket = socket;
    socket.on("message", this.#onMessage);
    socket.on("close", this.#onClose);
    socket.on("error", this.#onError);
    this.#timer = setTimeout(() => {
      this.#fail(
        new Fault(
          "HANDSHAKE_TIMEOUT",
          `the peer did not finish the handshake within ${String(limits.handshakeTimeoutMs / 1000)} s`,
        ),
      );
    }, limits.handshakeTimeoutMs);
  }

  /** Counts a stranger's bytes where they arrive, before a frame of them is put together, until {@link trust}; too many end the socket. */
  guard(carrier: Carrier): void {
    const before = carrier.bytesRead;
    const count = (): void => {
      if (carrier.bytesRead - before <= limits.strangerBytesMax) return;
      this.#fail(new Fault("LIMIT_EXCEEDED", "the peer sends more than a handshake"));
      this.#socket.terminate();
    };
    carrier.on("data", count);
    this.#endGuard = () => carrier.off("data", count);
  }

  /** The peer is authenticated. A peer that fails stays guarded: whoever is told to go may go on sending until the socket is closed. */
  trust(): void {
    this.#endGuard();
  }

  /** @throws Fault CONNECTION_REFUSED, HANDSHAKE_TIMEOUT and those of {@link certificateFault}. */
  async opened(url: string): Promise<void> {
    while (this.#socket.readyState !== WebSocket.OPEN) {
      if (this.#failure)
        throw this.#failure.code === "HANDSHAKE_TIMEOUT" ? this.#failure : notOpened(url, this.#failure);
      await this.#activity();
    }
  }

  async next(): Promise<Uint8Array> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) return message;
      if (this.#failure) throw this.#failure;
      await this.#activity();
    }
  }

  /** Stops listening. @returns Messages nobody has taken. */
  release(): readonly Uint8Array[] {
    clearTimeout(this.#timer);
    this.#socket.off("message", this.#onMessage);
    this.#socket.off("close", this.#onClose);
    this.#socket.off("error", this.#onError);
    return this.#messages;
  }

  #activity(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#socket.once("open", resolve);
    });
  }

  readonly #onMessage = (data: RawData): void => {
    if (this.#messages.push(asBytes(data)) > limits.earlyMessagesMax) {
      this.#fail(new Fault("LIMIT_EXCEEDED", "the peer sends more than a handshake"));
      this.#socket.terminate();
    }
    this.#wake?.();
  };

  readonly #onClose = (code: number, reason: Buffer): void => {
    const said = reason.toString();
    const known: ProtocolFaultCode = isRefusal(said) ? said : "CONNECTION_LOST";
    const shown = known === said ? `${said})${refusalInWords(known)}` : `${String(code)})`;
    this.#fail(new Fault(known, `the peer ended the handshake (${shown}`));
  };

  readonly #onError = (cause: Error): void => {
    this.#fail(new Fault("CONNECTION_LOST", "the connection failed during the handshake", cause));
  };

  #fail(failure: Fault): void {
    this.#failure ??= failure;
    this.#wake?.();
  }
}

function notOpened(url: string, { cause }: Fault): Fault {
  return (
    certificateFault(cause, url) ??
    new Fault<ProtocolFaultCode>(
      "CONNECTION_REFUSED",
      `no coordinator answers at ${url}; is it running, and is the address right?`,
      cause,
    )
  );
}

/** A whole message of a socket. */
export function asBytes(data: RawData): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return Array.isArray(data) ? Buffer.concat(data) : data;
}

/** Whether this is how one side of a handshake refuses the other. Anybody on the way can say so: no more follows from it than a message for people. */
export function isRefusal(code: string): code is ProtocolFaultCode {
  return [
    "HANDSHAKE_FAILED",
    "NOT_A_MEMBER",
    "FEDERATION_MISMATCH",
    "VERSION_UNSUPPORTED",
    "LIMIT_EXCEEDED",
    "HANDSHAKE_TIMEOUT",
  ].includes(code);
}

/** What a coordinator's refusal means to whoever runs the node that it refuses, and what they can do; begins with a colon, empty where the code says it all. */
export function refusalInWords(code: ProtocolFaultCode): string {
  switch (code) {
    case "NOT_A_MEMBER":
      return ": it does not know this member; the founder has removed it, or the coordinator has not joined with the founder's newest file. Ask the founder";
    case "HANDSHAKE_FAILED":
      return ": it knows this member by another key; the key was replaced since this folder was copied or restored. Put the newest node.key and federation.json back, or ask the founder to remove the member and invite it again";
    case "FEDERATION_MISMATCH":
      return ": it is of another federation; look at its address";
    default:
      return "";
  }
}
