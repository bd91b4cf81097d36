import { once } from "node:events";
import { type Server, type Socket, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { WebSocket } from "ws";
import { dial, limits } from "../../protocol/index.ts";
import { TestFederation, until } from "../support/federation.ts";

// Read when a coordinator is made and a handshake begins, so that they can be others here.
const { handshakeTimeoutMs } = limits;
const SHORT_MS = 1500;
const WAITING_MAX = 32;
const set = (changes: Partial<Record<keyof typeof limits, number>>): void => void Object.assign(limits, changes);

let f: TestFederation;
const start = (changes: Parameters<typeof set>[0]) => async () => {
  set(changes);
  f = await TestFederation.start({ corpora: { alpha: { a: "what alpha holds" } }, mode: "clear" });
};
const stop = async (): Promise<void> => {
  await f[Symbol.asyncDispose]();
  set({ handshakeTimeoutMs });
};

/** Sends one byte every few milliseconds, as long as the other end takes them. */
async function drip(socket: Socket, bytes: Uint8Array, everyMs: number): Promise<void> {
  for (const byte of bytes) {
    if (socket.destroyed || socket.readyState !== "open") return;
    socket.write(Uint8Array.of(byte));
    await sleep(everyMs);
  }
}

/** A connection to the coordinator, without a word; an end is no error here. */
async function bare(): Promise<Socket> {
  const socket = connect(f.port, "127.0.0.1");
  socket.on("error", () => undefined).resume();
  await once(socket, "connect");
  return socket;
}

const UPGRADE =
  "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
/** A masked frame of 200 bytes, the mask all zeros: about a hello. */
const FRAME = Uint8Array.of(0x82, 0x80 | 126, 0, 200, 0, 0, 0, 0, ...new Uint8Array(200));

/** Whether the coordinator ends the connection by itself in this time. */
async function isEnded(socket: Socket, withinMs: number): Promise<boolean> {
  const late = setTimeout(() => socket.destroy(new Error("late")), withinMs);
  const why = await new Promise<Error | null>((resolve) => {
    socket.once("error", resolve).once("close", () => {
      resolve(null);
    });
  });
  clearTimeout(late);
  return why?.message !== "late";
}

/** What a member needs all the while. */
async function isServed(): Promise<void> {
  const member = await f.dial("asker");
  expect((await member.message("roster")).parties).toEqual(["alpha"]);
  member.connection.close();
  expect(await member.closed).toBe("CONNECTION_LOST");
}

describe("a stranger who is slow is dropped when the handshake's time is over, however often it sends", () => {
  beforeAll(start({ handshakeTimeoutMs: SHORT_MS }));
  afterAll(stop);

  const slow: readonly { id: string; speak: (socket: Socket) => Promise<void> }[] = [
    { id: "nothing at all", speak: () => Promise.resolve() },
    { id: "the head of its request, a byte every 50 ms", speak: (socket) => drip(socket, Buffer.from(UPGRADE), 50) },
    {
      id: "the handshake's first message, a byte every 50 ms",
      speak: async (socket) => {
        socket.write(UPGRADE);
        await drip(socket, FRAME, 50);
      },
    },
    {
      id: "pings, and no handshake",
      speak: async (socket) => {
        socket.write(UPGRADE);
        for (let i = 0; i < 60; i++) await drip(socket, Uint8Array.of(0x89, 0x80, 0, 0, 0, 0), 10);
      },
    },
    {
      id: "half of a frame, and then its end of the connection",
      speak: async (socket) => {
        socket.write(UPGRADE);
        socket.write(FRAME.subarray(0, 90));
        await sleep(20);
        socket.end();
      },
    },
  ];

  test("all of them, and members are served meanwhile", async () => {
    expect(2 * SHORT_MS).toBeLessThan(50 * UPGRADE.length);
    const ends = slow.map(async ({ id, speak }) => {
      const socket = await bare();
      const [ended] = await Promise.all([isEnded(socket, SHORT_MS + limits.closeGraceMs + 1500), speak(socket)]);
      return { id, ended };
    });
    for (let i = 0; i < 5; i++) await isServed();
    expect(await Promise.all(ends)).toEqual(slow.map(({ id }) => ({ id, ended: true })));
  });
});

describe("a flood", () => {
  beforeAll(start({ handshakesMax: WAITING_MAX }));
  afterAll(stop);

  test.each([
    { id: "connections that say nothing", open: bare },
    {
      id: "WebSockets that say nothing",
      open: async () => {
        const socket = await bare();
        socket.write(UPGRADE);
        return socket;
      },
    },
  ])("of $id leaves at most as many as may wait, and members are served in the middle of it", async ({ open }) => {
    const started = performance.now();
    const sockets = await Promise.all(Array.from({ length: 5 * WAITING_MAX }, open));
    try {
      await isServed();
      await until(() => sockets.filter((socket) => !socket.destroyed).length <= WAITING_MAX);
      // Not by their time, but by their number.
      expect(performance.now() - started).toBeLessThan(handshakeTimeoutMs);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe("a wire that carries one byte at a time, both ways", () => {
  beforeAll(start({}));
  afterAll(stop);
  let wire: Server;
  let carried = 0;

  async function carry(from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>)
      for (const byte of chunk) {
        if (to.destroyed) return;
        carried++;
        to.write(Uint8Array.of(byte));
        // The turn in which the other end reads it.
        await new Promise(setImmediate);
      }
    to.end();
  }

  beforeAll(async () => {
    wire = createServer((near) => {
      const far = connect(f.port, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.setNoDelay(true).on("error", () => undefined);
        void carry(from, to).catch(() => undefined);
      }
    }).listen(0, "127.0.0.1");
    await once(wire, "listening");
  });
  afterAll(() => {
    wire.close();
  });
  const url = (): string => `ws://127.0.0.1:${String((wire.address() as { port: number }).port)}`;

  test("carries a handshake and messages", async () => {
    const connection = await dial(url(), { identity: f.identity("asker"), federation: f.federation });
    const roster = new Promise((resolve) => {
      connection.listen(resolve, resolve);
    });
    expect(await roster).toEqual({ type: "roster", parties: ["alpha"] });
    // More than the upgrade: hello, welcome and finish went byte by byte.
    expect(carried).toBeGreaterThan(600);
    connection.close();
  });

  test("a WebSocket in fragments of one byte is a WebSocket", async () => {
    const socket = new WebSocket(f.url);
    await once(socket, "open");
    for (const byte of new Uint8Array(40)) socket.send(Uint8Array.of(byte), { fin: false });
    socket.send(new Uint8Array(0), { fin: true });
    const [closeCode, reason] = (await once(socket, "close")) as [number, Buffer];
    expect([closeCode, reason.toString()]).toEqual([1008, "HANDSHAKE_FAILED"]);
  });
});
