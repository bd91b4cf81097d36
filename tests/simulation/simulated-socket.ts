import { EventEmitter } from "node:events";
import type { Carrier, MessageSocket } from "../../protocol/index.ts";
import type { Parcel, Pipe } from "./pipe.ts";
import { type Host, virtualTime } from "./virtual-time.ts";

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
/** How a connection ends that nobody has closed. */
const CODE_LOST = 1006;
/** As ws waits for the other end's answer to a close. */
const CLOSE_TIMEOUT_MS = 30_000;

/** One end of a simulated connection; behaves like ws's WebSocket. */
export class SimulatedSocket implements MessageSocket {
  readonly host: Host;
  readonly #events = new EventEmitter();
  #onEnd: () => void = () => undefined;
  #state = CONNECTING;
  #out: Pipe | null = null;
  #bytesRead = 0;
  #endTimeout: () => void = () => undefined;
  readonly on = this.#events.on.bind(this.#events) as MessageSocket["on"];
  readonly once = this.#events.once.bind(this.#events) as MessageSocket["once"];
  readonly off = this.#events.off.bind(this.#events) as MessageSocket["off"];

  constructor(host: Host) {
    this.host = host;
  }

  /** Where bytes are counted as they arrive. */
  get carrier(): Carrier {
    const bytesRead = (): number => this.#bytesRead;
    return {
      get bytesRead() {
        return bytesRead();
      },
      on: (event, listener) => this.#events.on(event, listener),
      off: (event, listener) => this.#events.off(event, listener),
    };
  }

  get readyState(): number {
    return this.#state;
  }

  get bufferedAmount(): number {
    return this.#out?.queuedBytes ?? 0;
  }

  /** @param out - What this end sends. @param onEnd - Called once, when this end is closed. */
  opens(out: Pipe, onEnd: () => void): void {
    this.#out = out;
    this.#onEnd = onEnd;
    this.#state = OPEN;
  }

  /** The other end's machine does not answer, or nobody listens there. */
  refused(why: string): void {
    if (this.#state !== CONNECTING) return;
    this.#emit("error", new Error(why));
    this.ended(CODE_LOST, "");
  }

  send(data: Uint8Array): void {
    if (this.#state === CONNECTING) throw new Error("WebSocket is not open: readyState 0 (CONNECTING)");
    if (this.#state === OPEN) this.#push({ kind: "message", data: data.slice() });
  }

  ping(): void {
    if (this.#state === CONNECTING) throw new Error("WebSocket is not open: readyState 0 (CONNECTING)");
    if (this.#state === OPEN) this.#push({ kind: "ping" });
  }

  close(code = 1005, reason = ""): void {
    if (this.#state === CONNECTING) this.terminate();
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#push({ kind: "close", code, reason });
    this.#endTimeout = virtualTime.after(CLOSE_TIMEOUT_MS, () => {
      this.terminate();
    });
  }

  terminate(): void {
    if (this.#state === CLOSED) return;
    const early = this.#state === CONNECTING;
    this.#state = CLOSING;
    this.#push({ kind: "reset" });
    virtualTime.after(0, () => {
      if (early) this.#emit("error", new Error("WebSocket was closed before the connection was established"));
      this.ended(CODE_LOST, "");
    });
  }

  /** What comes from the other end. */
  receive(parcel: Parcel): void {
    if (this.#state === CLOSED) return;
    switch (parcel.kind) {
      case "open":
        this.#emit("open");
        break;
      case "message":
        this.#bytesRead += parcel.data.length;
        this.#emit("data");
        this.#emit("message", parcel.data);
        break;
      case "ping":
        this.#push({ kind: "pong" });
        break;
      case "pong":
        this.#emit("pong");
        break;
      case "close":
        if (this.#state === OPEN) this.#push(parcel);
        this.ended(parcel.code, parcel.reason);
        break;
      case "reset":
        this.ended(CODE_LOST, "");
    }
  }

  /** This end is over, whatever the other one knows. */
  ended(code: number, reason: string): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#endTimeout();
    this.#onEnd();
    this.#emit("close", code, Buffer.from(reason));
  }

  /** Sends a reset, as the kernel does for a process that is gone. */
  reset(): void {
    this.#out?.push({ kind: "reset" });
  }

  #push(parcel: Parcel): void {
    if (this.host.alive) this.#out?.push(parcel);
  }

  #emit(event: string, ...args: unknown[]): void {
    if (!this.host.alive) return;
    this.host.run(() => {
      this.#events.emit(event, ...args);
    });
  }
}
