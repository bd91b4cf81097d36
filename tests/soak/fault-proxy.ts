import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/*
 * Our own, and small: what npm has of this kind speaks HTTP alone, only slows down, or is a client of Toxiproxy, a server in Go that would have to be
 * installed beside it.
 */

/** What a wire does to bytes, in each direction alike. */
export interface WireConditions {
  /** From one end to the other. */
  readonly delayMs: number;
  /** Up to so much more, drawn anew for each piece; order is kept. Loss of packets looks like this to whoever uses TCP. */
  readonly jitterMs: number;
  /** Null: no limit. */
  readonly bytesPerSecond: number | null;
}

export const CLEAN: WireConditions = { delayMs: 0, jitterMs: 0, bytesPerSecond: null };

/** The two ends of a connection: who opened it, and whom it was opened to. */
export type End = "near" | "far";

/** Bytes on the wire in one direction above which the sender is not read. */
const WIRE_BYTES_MAX = 256 * 1024;
const LOOPBACK = "127.0.0.1";

/** A wire as all its connections see it. */
interface Wire {
  conditions: WireConditions;
  isPartitioned: boolean;
  readonly random: () => number;
}

/** What travels: bytes, or how the sender ended. */
type Freight = Buffer | "end" | "reset";

interface Parcel {
  readonly freight: Freight;
  readonly dueAt: number;
}

/** One direction of one connection: carries bytes, an orderly end and a reset, in order. */
class Lane {
  readonly #to: Socket;
  readonly #from: Socket;
  readonly #wire: Wire;
  #parcels: Parcel[] = [];
  #queuedBytes = 0;
  /** When the last byte so far has left, at the wire's rate. */
  #sentAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isDead = false;

  constructor(from: Socket, to: Socket, wire: Wire) {
    this.#from = from;
    this.#to = to;
    this.#wire = wire;
    from
      .on("data", (bytes) => {
        if (this.#isDead) return;
        this.#queuedBytes += bytes.length;
        if (this.#queuedBytes > WIRE_BYTES_MAX) from.pause();
        this.#enter(bytes);
      })
      .on("end", () => {
        this.#enter("end");
      })
      .on("error", () => undefined)
      .on("close", (hadError) => {
        if (hadError) this.#enter("reset");
      });
  }

  /** Delivers what is due. */
  pump(): void {
    clearTimeout(this.#timer);
    while (!this.#isDead && !this.#wire.isPartitioned) {
      const [next] = this.#parcels;
      if (!next) return;
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.pump();
        }, waitMs);
        return;
      }
      this.#parcels.shift();
      this.#deliver(next.freight);
    }
  }

  /** Carries nothing more; what comes is read and dropped. */
  kill(): void {
    this.#isDead = true;
    clearTimeout(this.#timer);
    this.#parcels = [];
    const from = this.#from;
    from.once("end", () => from.destroy()).resume();
  }

  #enter(freight: Freight): void {
    if (this.#isDead) return;
    const { delayMs, jitterMs, bytesPerSecond } = this.#wire.conditions;
    const sendMs =
      bytesPerSecond === null || typeof freight === "string" ? 0 : (1000 * freight.length) / bytesPerSecond;
    this.#sentAt = Math.max(this.#sentAt, performance.now()) + sendMs;
    const last = this.#parcels.at(-1)?.dueAt ?? 0;
    const dueAt = Math.max(last, this.#sentAt + delayMs + jitterMs * this.#wire.random());
    this.#parcels.push({ freight, dueAt });
    this.pump();
  }

  #deliver(freight: Freight): void {
    if (freight === "end") this.#to.end();
    else if (freight === "reset") reset(this.#to);
    else {
      // Counted until the receiver has taken it, so that a receiver that does not read is felt by the sender.
      this.#to.write(freight, () => {
        this.#queuedBytes -= freight.length;
        if (this.#queuedBytes <= WIRE_BYTES_MAX) this.#from.resume();
      });
    }
  }
}

/** A connection through the proxy. */
interface Pair {
  readonly near: Socket;
  /** Null until the partition ends in which it was opened. */
  far: Socket | null;
  lanes: readonly Lane[];
}

/** A TCP proxy on loopback in front of one port, whose wire can be made slow, cut, half cut, or partitioned while connections use it. */
export class FaultProxy {
  readonly #server: Server;
  readonly #wire: Wire;
  readonly #pairs = new Set<Pair>();
  readonly #targetPort: () => number;

  private constructor(targetPort: () => number, random: () => number) {
    this.#targetPort = targetPort;
    this.#wire = { conditions: CLEAN, isPartitioned: false, random };
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      this.#open(near);
    });
  }

  /**
   * @param targetPort - Asked for each connection.
   * @param random - Numbers in [0, 1), of the jitter.
   */
  static async open(targetPort: () => number, random: () => number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, random);
    proxy.#server.listen(0, LOOPBACK);
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections now open at either end. */
  get connectionCount(): number {
    return this.#pairs.size;
  }

  /** For bytes that enter the wire from now on. */
  set(conditions: WireConditions): void {
    this.#wire.conditions = conditions;
  }

  /** Nothing passes and nobody is told, until {@link heal}. Nothing is lost either: TCP would send it again. */
  partition(): void {
    this.#wire.isPartitioned = true;
  }

  heal(): void {
    this.#wire.isPartitioned = false;
    for (const pair of this.#pairs) {
      if (!pair.far) this.#connect(pair);
      for (const lane of pair.lanes) lane.pump();
    }
  }

  /** Resets all connections, both ends. @returns How many. */
  cut(): number {
    const pairs = [...this.#pairs];
    for (const { near, far, lanes } of pairs) {
      for (const lane of lanes) lane.kill();
      reset(near);
      reset(far);
    }
    return pairs.length;
  }

  /** Resets one end of all connections and leaves the other in the belief that it is connected. @returns How many. */
  halfOpen(unaware: End): number {
    const pairs = [...this.#pairs];
    for (const { near, far, lanes } of pairs) {
      for (const lane of lanes) lane.kill();
      reset(unaware === "near" ? far : near);
    }
    return pairs.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #open(near: Socket): void {
    const pair: Pair = { near, far: null, lanes: [] };
    this.#pairs.add(pair);
    near
      .on("error", () => undefined)
      .once("close", () => {
        this.#closed(pair);
      });
    if (!this.#wire.isPartitioned) this.#connect(pair);
  }

  #connect(pair: Pair): void {
    const { near } = pair;
    if (near.destroyed) return;
    const far = connect({ port: this.#targetPort(), host: LOOPBACK, allowHalfOpen: true, noDelay: true });
    pair.far = far;
    pair.lanes = [new Lane(near, far, this.#wire), new Lane(far, near, this.#wire)];
    far.once("close", () => {
      this.#closed(pair);
    });
  }

  #closed(pair: Pair): void {
    if (pair.near.destroyed && (pair.far?.destroyed ?? true)) this.#pairs.delete(pair);
  }
}

/** With RST; with FIN where one was sent already: there Node fails to reset, leaks the handle, and may never exit. */
function reset(socket: Socket | null): void {
  if (socket?.writableEnded) socket.destroy();
  else socket?.resetAndDestroy();
}
