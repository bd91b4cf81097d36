import { once } from "node:events";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import {
  type Established,
  type Federation,
  type HopMessage,
  type Identity,
  Initiator,
  decodeHopMessage,
  encodeValue,
  handshakeContext,
} from "../../protocol/index.ts";

/** A member's connection whose wire is in the hands of whoever makes it: what it reads, and how fast it writes. */
export class RawMember {
  readonly #socket: WebSocket;
  readonly #established: Established;
  /** Resolves with the WebSocket's close code, 1006 where none came. */
  readonly closed: Promise<number>;
  onMessage: (message: HopMessage) => void = () => undefined;

  private constructor(socket: WebSocket, established: Established) {
    this.#socket = socket;
    this.#established = established;
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket
      .on("error", () => undefined)
      .on("message", (data: Buffer) => {
        this.onMessage(decodeHopMessage(established.channel.open(data)));
      });
  }

  static async dial(url: string, identity: Identity, federation: Federation): Promise<RawMember> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, "open");
    const initiator = new Initiator(identity, handshakeContext(federation, "hop"));
    socket.send(initiator.hello);
    const [welcome] = (await once(socket, "message")) as [Buffer];
    const established = initiator.receiveWelcome(welcome);
    socket.send(established.finish);
    return new RawMember(socket, established);
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(message: HopMessage): void {
    if (this.isOpen) this.#socket.send(this.#established.channel.seal(encodeValue(message)));
  }

  /** Reads nothing more; the connection's end is then not noticed either, but by {@link isCut}. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** A sign of life, without having been asked for one. */
  pong(): void {
    if (this.isOpen) this.#socket.pong(undefined, undefined, () => undefined);
  }

  /** Writes the beginning of a frame so long, and then a byte of it a second, until stopped. */
  async drip(frameBytes: number, stop: AbortSignal): Promise<void> {
    const head = Buffer.alloc(14);
    head.set([0x82, 0x80 | 127]);
    head.writeBigUInt64BE(BigInt(frameBytes), 2);
    const wire = this.wire;
    wire.write(head);
    while (!stop.aborted && !wire.destroyed) {
      wire.write(Uint8Array.of(0));
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  /** Ends the connection without a word. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** The TCP connection. */
  get wire(): Socket {
    return (this.#socket as unknown as { readonly _socket: Socket })._socket;
  }
}
