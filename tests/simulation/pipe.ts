import { virtualTime } from "./virtual-time.ts";

/** What goes one way through a connection. */
export type Parcel =
  | { readonly kind: "open" | "ping" | "pong" | "reset" }
  | { readonly kind: "message"; readonly data: Uint8Array }
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

/** The road between two machines in one direction, shared by all their connections. */
export interface Road {
  /** How long this parcel takes, with whatever holds it up. */
  readonly transitMs: (bytes: number) => number;
  /** Nothing arrives before. */
  blockedUntil: number;
}

/** One direction of a connection: delivers in the order of sending, as TCP does. */
export class Pipe {
  readonly #road: Road;
  readonly #deliver: (parcel: Parcel) => void;
  readonly #queue: { readonly parcel: Parcel; readonly at: number }[] = [];
  #cancel: (() => void) | null = null;
  #queuedBytes = 0;
  #lastAt = 0;
  /** The cable is pulled: nothing arrives any more, and nobody is told. */
  silent = false;
  /** As {@link Road.blockedUntil}, of this connection alone. */
  blockedUntil = 0;

  constructor(road: Road, deliver: (parcel: Parcel) => void) {
    this.#road = road;
    this.#deliver = deliver;
  }

  /** Bytes that have not arrived. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  push(parcel: Parcel): void {
    const bytes = size(parcel);
    this.#lastAt = Math.max(this.#lastAt, virtualTime.now + this.#road.transitMs(bytes));
    this.#queuedBytes += bytes;
    this.#queue.push({ parcel, at: this.#lastAt });
    this.#awaitNext();
  }

  /** What has not arrived is lost with the connection. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #awaitNext(): void {
    const [next] = this.#queue;
    if (!next || this.silent || this.#cancel) return;
    const at = Math.max(next.at, this.#road.blockedUntil, this.blockedUntil);
    this.#cancel = virtualTime.after(Math.max(0, at - virtualTime.now), () => {
      this.#cancel = null;
      if (this.silent) return;
      if (Math.max(this.#road.blockedUntil, this.blockedUntil) <= virtualTime.now) {
        const arrived = this.#queue.shift();
        this.#queuedBytes -= arrived ? size(arrived.parcel) : 0;
        if (arrived) this.#deliver(arrived.parcel);
      }
      this.#awaitNext();
    });
  }
}

function size(parcel: Parcel): number {
  return parcel.kind === "message" ? parcel.data.length : 0;
}
