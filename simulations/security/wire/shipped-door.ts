import { z } from "zod";
import type { WebSocket } from "ws";
import { Coordinator } from "../../../coordinator/index.ts";
import { Fault, sodium } from "../../../crypto/index.ts";
import type { Encoder } from "../../../party-node/encoders/index.ts";
import { once } from "node:events";
import { pino } from "pino";
import {
  type Federation,
  type HopMessage,
  type Identity,
  Initiator,
  type SecureChannel,
  decodeHopMessage,
  decodeValue,
  dial,
  encodeValue,
  handshakeContext,
} from "../../../protocol/index.ts";
import { FederationInProcess } from "../../federation/federation-in-process.ts";
import type { Door, Reception, Visitor } from "./door.ts";
import { closing, opened, reception, sendInFragments } from "./sockets.ts";

interface Entered {
  readonly socket: WebSocket;
  readonly channel: SecureChannel;
  /** Why the coordinator ended it. */
  readonly closed: Promise<string>;
}

/** The coordinator that ships, with a party and two queriers as its members. */
export class ShippedDoor implements Door {
  readonly #federation: FederationInProcess;
  readonly #other: FederationInProcess;
  /** Codes that the coordinator has logged. */
  readonly #codes: readonly string[];

  private constructor(federation: FederationInProcess, other: FederationInProcess, codes: readonly string[]) {
    this.#codes = codes;
    this.#federation = federation;
    this.#other = other;
  }

  static async open(encoder: Encoder): Promise<ShippedDoor> {
    const codes: string[] = [];
    const write = (line: string): void => {
      const { code } = JSON.parse(line) as { code?: string };
      if (code !== undefined) codes.push(code);
    };
    const options = { encoder, corpora: { alpha: {} }, absent: ["alpha"], queriers: ["asker", "second"] };
    const federation = await FederationInProcess.start({ ...options, log: pino({}, { write }) });
    return new ShippedDoor(federation, await FederationInProcess.start(options), codes);
  }

  async knock(...messages: readonly Uint8Array[]): Promise<Reception> {
    const before = this.#codes.length;
    const socket = await opened(this.#federation.url);
    const closed = closing(socket);
    for (const message of messages) socket.send(message);
    return this.#ended(socket, await reception(socket, closed), before);
  }

  async enter({ name, key, protocol }: Visitor): Promise<Reception> {
    const other = key === "other federation";
    const owner = other ? this.#other : this.#federation;
    const identity =
      key === "own" ? { name, secretKey: sodium.crypto_sign_keypair().privateKey } : owner.identity(name);
    return this.#try(identity, owner.federation, protocol, () => undefined);
  }

  say(member: string, message: HopMessage | Uint8Array, fragments = 1): Promise<Reception> {
    const { federation } = this.#federation;
    return this.#try(this.#federation.identity(member), federation, undefined, ({ socket, channel }) => {
      const payload = message instanceof Uint8Array ? message : encodeValue(message);
      sendInFragments(socket, channel.seal(payload), fragments);
    });
  }

  async crowd(member: string, connections: number): Promise<Reception> {
    const { federation, url } = this.#federation;
    const options = { identity: this.#federation.identity(member), federation };
    const held = [];
    for (let i = 1; i < connections; i++) held.push(await dial(url, options));
    const last = await this.#try(options.identity, federation, undefined, () => undefined);
    for (const connection of held) connection.close();
    return last;
  }

  async admitsBeside(silent: number): Promise<boolean> {
    const sockets = await Promise.all(Array.from({ length: silent }, () => opened(this.#federation.url)));
    const admits = await this.admits();
    await Promise.all(
      sockets.map(async (socket) => {
        if (socket.readyState === socket.CLOSED) return;
        const gone = once(socket, "close");
        socket.terminate();
        await gone;
      }),
    );
    return admits;
  }

  admits(): Promise<boolean> {
    return dialled(this.#federation.url, this.#federation.identity("second"), this.#federation.federation).then(
      (said) => said === "taken",
    );
  }

  async visitImpostor(): Promise<Reception> {
    const { federation } = this.#federation;
    const identity = this.#federation.identity("alpha");
    const impostor = new Coordinator({ identity, federation, log: pino({ enabled: false }) });
    const port = await impostor.listen(0, "127.0.0.1");
    const said = await dialled(`ws://127.0.0.1:${String(port)}`, this.#federation.identity("asker"), federation);
    await impostor.close();
    return said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#federation[Symbol.asyncDispose]();
    await this.#other[Symbol.asyncDispose]();
  }

  /** The handshake by hand, so that nothing keeps the sender from what it is about to send. */
  async #try(
    identity: Identity,
    federation: Federation,
    protocol: number | undefined,
    then: (entered: Entered) => void,
  ): Promise<Reception> {
    const before = this.#codes.length;
    const socket = await opened(this.#federation.url);
    const closed = closing(socket);
    const initiator = new Initiator(identity, handshakeContext(federation, "hop"));
    const { hello } = initiator;
    socket.send(protocol === undefined ? hello : encodeValue({ ...decodeValue(anyHello, hello), protocol }));
    const first = (await Promise.race([once(socket, "message"), closed])) as [Buffer] | string;
    if (typeof first === "string") return first;
    const { channel, finish } = initiator.receiveWelcome(first[0]);
    const goodbye: { code: string | null } = { code: null };
    socket.on("message", (data) => {
      const message = decodeHopMessage(channel.open(data as Buffer));
      if (message.type === "goodbye") goodbye.code = message.code;
    });
    const admitted = once(socket, "message");
    socket.send(finish);
    // Before it is admitted, a member may send no more than a stranger.
    await Promise.race([admitted, closed]);
    then({ socket, channel, closed });
    const said = await reception(socket, closed);
    return this.#ended(socket, goodbye.code ?? said, before);
  }

  /** What the socket is told is lost where the coordinator closes while more is being sent; what the coordinator logs is not. */
  #ended(socket: WebSocket, said: Reception, before: number): Reception {
    socket.terminate();
    if (said === "taken" || !/^\d+$/.test(said)) return said;
    return this.#codes.slice(before).find((code) => code !== "CONNECTION_LOST") ?? "cut off";
  }
}

const anyHello = z.record(z.string(), z.unknown());

async function dialled(url: string, identity: Identity, federation: Federation): Promise<Reception> {
  try {
    (await dial(url, { identity, federation })).close();
    return "taken";
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}
