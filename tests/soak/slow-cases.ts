import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { sodium } from "../../crypto/index.ts";
import { EndToEndSession, type CoordinatorLink } from "../../party-node/link/index.ts";
import { type Federation, type HopMessage, type Identity, limits } from "../../protocol/index.ts";
import { RawMember } from "./raw-member.ts";

/** Where a case is tried, and as whom. */
export interface SlowSetting {
  readonly url: string;
  readonly port: number;
  readonly party: string;
  readonly identity: Identity;
  readonly federation: Federation;
  /** Longest time that is waited for the end of a connection. */
  readonly patienceMs: number;
}

/** What became of it. */
export interface SlowEnd {
  /** From the connection's opening to its end by the other side; null when that did not come. */
  readonly endedAfterMs: number | null;
  /** Bytes that this side could hand to its kernel. */
  readonly sentBytes: number;
  /** In words, where there is more to say. */
  readonly note?: string;
}

export interface SlowCase {
  readonly id: string;
  readonly run: (setting: SlowSetting) => Promise<SlowEnd>;
}

const UPGRADE =
  "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
const PIECE = new Uint8Array(16 * 1024);
/** How often a client that shows signs of life shows one: more often than it is asked. */
const PONG_MS = 5000;

export const SLOW_CASES: readonly SlowCase[] = [
  {
    id: "a stranger writes a byte a second",
    run: async ({ port, patienceMs }) => {
      const socket = await opened(port);
      return ended(socket, patienceMs, async (stop) => {
        for (const byte of Buffer.from(UPGRADE)) {
          if (stop.aborted || socket.destroyed) return;
          socket.write(Uint8Array.of(byte));
          await sleep(1000);
        }
      });
    },
  },
  {
    id: "a stranger writes the largest frame, as fast as it is taken",
    run: async ({ port, patienceMs }) => {
      const socket = await opened(port);
      socket.write(UPGRADE);
      return ended(socket, patienceMs, (stop) => pour(socket, limits.frameBytesMax, stop));
    },
  },
  {
    id: "a member writes a frame at a byte a second",
    run: async (setting) => {
      const member = await dialled(setting);
      return ended(member.wire, setting.patienceMs, (stop) => member.drip(limits.frameBytesMax, stop));
    },
  },
  {
    id: "a member writes a frame beyond the limit",
    run: async (setting) => {
      const member = await dialled(setting);
      const head = Buffer.from([0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      head.writeBigUInt64BE(BigInt(limits.frameBytesMax + 2048), 2);
      member.wire.write(head);
      return ended(member.wire, setting.patienceMs, (stop) => pour(member.wire, limits.frameBytesMax, stop));
    },
  },
  {
    id: "a member has the largest frame carried to a party",
    run: async (setting) => {
      const member = await dialled(setting);
      const began = performance.now();
      const answered = new Promise<string>((resolve) => {
        member.onMessage = (message) => {
          if (message.type === "hangup") resolve(message.code);
        };
        void member.closed.then(() => resolve("closed"));
      });
      const body = randomBytes(limits.frameBytesMax - 1024);
      member.send({ type: "relay", session: sodium.randombytes_buf(16), peer: setting.party, body });
      const code = await Promise.race([answered, sleep(setting.patienceMs, "no answer")]);
      const ms = Math.round(performance.now() - began);
      const isOpen = member.isOpen;
      member.terminate();
      return {
        endedAfterMs: isOpen ? null : ms,
        sentBytes: body.length,
        note: `the party's answer after ${ms} ms: ${code}; the connection ${isOpen ? "stays" : "is ended"}`,
      };
    },
  },
  { id: "a member asks for hints and reads nothing", run: (setting) => readNothing(setting, false) },
  { id: "the same, and shows signs of life", run: (setting) => readNothing(setting, true) },
];

/** Asks a party for all its hints again and again, and takes none of it from its kernel. */
async function readNothing(setting: SlowSetting, withPongs: boolean): Promise<SlowEnd> {
  const member = await dialled(setting);
  const session = await sessionOf(member, setting);
  member.stopReading();
  return ended(member.wire, setting.patienceMs, async (stop) => {
    for (let i = 0; !stop.aborted && !member.wire.destroyed; i++) {
      // Nobody waits for it: the answer is not read.
      session.request({ type: "sync", held: new Uint8Array(0) }, () => undefined).catch(() => undefined);
      if (withPongs && i % (PONG_MS / 5) === 0) member.pong();
      await sleep(5);
    }
    session.close();
  });
}

function sessionOf(member: RawMember, { party, identity, federation }: SlowSetting): Promise<EndToEndSession> {
  const link: Pick<CoordinatorLink, "listen" | "forget" | "send" | "tell"> = {
    listen: (_, listener) => {
      member.onMessage = (message: HopMessage) => {
        if (message.type === "relay" || message.type === "hangup") listener.message(message);
      };
    },
    forget: () => undefined,
    send: (message) => member.send(message),
    tell: (message) => member.send(message),
  };
  return EndToEndSession.open({ link: link as CoordinatorLink, party, identity, federation });
}

async function dialled({ url, identity, federation }: SlowSetting): Promise<RawMember> {
  return RawMember.dial(url, identity, federation);
}

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  await once(socket, "connect");
  socket.resume();
  return socket;
}

async function pour(socket: Socket, bytes: number, stop: AbortSignal): Promise<void> {
  for (let sent = 0; sent < bytes && !stop.aborted && !socket.destroyed; sent += PIECE.length)
    if (!socket.write(PIECE)) await Promise.race([once(socket, "drain"), once(socket, "close"), sleep(1000)]);
}

/** Does something on a connection until the other side ends it, or patience does. A write tells of an end where nothing is read. */
async function ended(socket: Socket, patienceMs: number, act: (stop: AbortSignal) => Promise<void>): Promise<SlowEnd> {
  const began = performance.now();
  const stop = new AbortController();
  const closed = new Promise<number>((resolve) => {
    socket.once("close", () => resolve(performance.now() - began));
  });
  const acting = act(stop.signal).catch(() => undefined);
  const endedAfterMs = await Promise.race([closed, sleep(patienceMs, null)]);
  stop.abort();
  const sentBytes = socket.bytesWritten;
  socket.destroy();
  await acting;
  return { endedAfterMs: endedAfterMs === null ? null : Math.round(endedAfterMs), sentBytes };
}
