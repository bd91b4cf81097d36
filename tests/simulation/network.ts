import type { Connect } from "../../protocol/index.ts";
import { limits } from "../../protocol/index.ts";
import { type Parcel, Pipe, type Road } from "./pipe.ts";
import { SimulatedSocket } from "./simulated-socket.ts";
import { type Host, virtualTime } from "./virtual-time.ts";

/** How the network of one run behaves; all times in milliseconds. */
export interface Weather {
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly bytesPerMs: number;
  /** Of all parcels. */
  readonly spikeShare: number;
  readonly spikeMs: number;
  /** Of all parcels: the connection is reset. */
  readonly cutShare: number;
  /** Of all parcels: the connection goes silent, and nobody is told. */
  readonly silenceShare: number;
  /** Of all parcels: the connection's direction stops for up to `stallMs`. */
  readonly stallShare: number;
  readonly stallMs: number;
}

export const fairWeather: Weather = {
  latencyMs: 2,
  jitterMs: 1,
  bytesPerMs: 10_000,
  spikeShare: 0,
  spikeMs: 0,
  cutShare: 0,
  silenceShare: 0,
  stallShare: 0,
  stallMs: 0,
};

export interface NetworkOptions {
  readonly random: () => number;
  /** Told of everything that arrives and goes wrong, for the run's trace. */
  readonly note: (what: string) => void;
  /** Whether a machine answers, be its process alive or not. */
  readonly isUp: (name: string) => boolean;
  /** Told of every fault by its kind. */
  readonly onFault: (kind: string) => void;
}

interface Connection {
  readonly client: SimulatedSocket;
  readonly server: SimulatedSocket;
  readonly pipes: readonly [Pipe, Pipe];
}

interface Listener {
  readonly host: Host;
  readonly onSocket: (socket: SimulatedSocket) => void;
}

/** Connections between the machines of one federation, with all that goes wrong with them; what goes wrong is drawn from the seed. */
export class Network {
  readonly #options: NetworkOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #roads = new Map<string, Road>();
  readonly #connections = new Set<Connection>();
  weather: Weather = fairWeather;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  listen(host: Host, onSocket: (socket: SimulatedSocket) => void): void {
    this.#listeners.set(host.name, { host, onSocket });
  }

  /** What this host dials with; addresses are `ws://NAME`. */
  connector(client: Host): Connect {
    return (url) => {
      const socket = new SimulatedSocket(client);
      this.#knock(socket, new URL(url).hostname, virtualTime.now + limits.handshakeTimeoutMs);
      return socket;
    };
  }

  /** Nothing gets through from one machine to the other for this long; connections stay. */
  block(from: string, to: string, ms: number): void {
    this.#options.note(`block ${from} ${to} ${ms}`);
    this.#road(from, to).blockedUntil = virtualTime.now + ms;
  }

  /** The process is gone; its machine resets its connections, or is gone too. */
  crash(host: Host, withItsMachine: boolean): void {
    for (const connection of [...this.#connections]) {
      for (const socket of [connection.client, connection.server]) {
        if (socket.host !== host) continue;
        if (!withItsMachine) socket.reset();
        socket.ended(1006, "");
      }
    }
  }

  /** From now on everything arrives, and soon. Silent connections stay silent. */
  heal(): void {
    this.weather = fairWeather;
    for (const road of this.#roads.values()) road.blockedUntil = 0;
    for (const { pipes } of this.#connections) for (const pipe of pipes) pipe.blockedUntil = 0;
  }

  /** SYN and its answer, tried again until the road is open or the dialler's patience ends. */
  #knock(client: SimulatedSocket, name: string, deadline: number): void {
    const there = this.#road(client.host.name, name);
    const back = this.#road(name, client.host.name);
    virtualTime.after(there.transitMs(0) + back.transitMs(0), () => {
      if (!client.host.alive || client.readyState !== 0) return;
      const openAt = Math.max(there.blockedUntil, back.blockedUntil);
      const listener = this.#listeners.get(name);
      if (virtualTime.now >= deadline) client.refused("Opening handshake has timed out");
      else if (openAt > virtualTime.now)
        virtualTime.after(Math.min(openAt, deadline) - virtualTime.now, () => {
          this.#knock(client, name, deadline);
        });
      else if (!listener?.host.alive) client.refused("connect ECONNREFUSED");
      else this.#open(client, listener, there, back);
    });
  }

  #open(client: SimulatedSocket, { host, onSocket }: Listener, there: Road, back: Road): void {
    const ended = (): void => {
      if (client.readyState === 3 && server.readyState === 3) this.#connections.delete(connection);
    };
    const server = new SimulatedSocket(host);
    const deliverTo = (socket: SimulatedSocket, other: SimulatedSocket) => (parcel: Parcel) => {
      this.#deliver(connection, socket, other, parcel);
    };
    const connection: Connection = {
      client,
      server,
      pipes: [new Pipe(there, deliverTo(server, client)), new Pipe(back, deliverTo(client, server))],
    };
    this.#connections.add(connection);
    client.opens(connection.pipes[0], ended);
    server.opens(connection.pipes[1], ended);
    this.#options.note(`connect ${client.host.name} ${host.name}`);
    client.receive({ kind: "open" });
    host.run(() => {
      onSocket(server);
    });
  }

  #deliver(connection: Connection, to: SimulatedSocket, from: SimulatedSocket, parcel: Parcel): void {
    const { note } = this.#options;
    const bytes = parcel.kind === "message" ? parcel.data.length : 0;
    note(`${parcel.kind} ${from.host.name} ${to.host.name} ${bytes}`);
    if (!to.host.alive || to.readyState === 3) {
      // Whoever sends to an end that is gone is told, by the machine, if that is up.
      if (parcel.kind !== "reset" && this.#options.isUp(to.host.name)) from.receive({ kind: "reset" });
      return;
    }
    if (parcel.kind === "message" || parcel.kind === "pong") this.#strike(connection);
    to.receive(parcel);
  }

  /** What may befall a connection whenever something arrives on it. */
  #strike({ client, server, pipes }: Connection): void {
    const { random, onFault, note } = this.#options;
    const { cutShare, silenceShare, stallShare, stallMs } = this.weather;
    const drawn = random();
    const between = `${client.host.name} ${server.host.name}`;
    if (drawn < cutShare) {
      onFault("connection reset");
      note(`cut ${between}`);
      for (const pipe of pipes) pipe.clear();
      client.ended(1006, "");
      server.ended(1006, "");
    } else if (drawn < cutShare + silenceShare) {
      onFault("connection silent");
      note(`silence ${between}`);
      // One way or both.
      const which = random();
      if (which < 0.75) pipes[0].silent = true;
      if (which > 0.25) pipes[1].silent = true;
    } else if (drawn < cutShare + silenceShare + stallShare) {
      onFault("connection stalled");
      note(`stall ${between}`);
      pipes[random() < 0.5 ? 0 : 1].blockedUntil = virtualTime.now + stallMs * random();
    }
  }

  #road(from: string, to: string): Road {
    const name = `${from}>${to}`;
    let road = this.#roads.get(name);
    if (!road) {
      road = { blockedUntil: 0, transitMs: (bytes) => this.#transitMs(bytes) };
      this.#roads.set(name, road);
    }
    return road;
  }

  #transitMs(bytes: number): number {
    const { random, onFault } = this.#options;
    const { latencyMs, jitterMs, bytesPerMs, spikeShare, spikeMs } = this.weather;
    let ms = latencyMs + jitterMs * random() + bytes / bytesPerMs;
    if (random() < spikeShare) {
      onFault("message delayed");
      ms += spikeMs * random();
    }
    return Math.ceil(ms);
  }
}
