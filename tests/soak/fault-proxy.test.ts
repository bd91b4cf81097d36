import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type Server, type Socket, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { until } from "../support/federation.ts";
import { CLEAN, FaultProxy } from "./fault-proxy.ts";

let server: Server;
let proxy: FaultProxy;
/** The far ends, in the order they came. */
let far: Socket[];

beforeEach(async () => {
  far = [];
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    far.push(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  proxy = await FaultProxy.open(() => port, seededRandom(1));
});

afterEach(async () => {
  for (const socket of far) socket.destroy();
  await proxy[Symbol.asyncDispose]();
  server.close();
});

async function dialled(): Promise<Socket> {
  const socket = connect(proxy.port, "127.0.0.1").on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

async function pair(): Promise<[Socket, Socket]> {
  const before = far.length;
  const near = await dialled();
  await until(() => far.length > before);
  return [near, far[before]!];
}

/** @returns Whether it was reset. */
const closed = (socket: Socket): Promise<boolean> => new Promise((resolve) => socket.once("close", resolve));

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  const all = (): Buffer => Buffer.concat(parts);
  const take = (part: Buffer): void => void parts.push(part);
  socket.on("data", take);
  while (all().length < bytes) await once(socket, "data");
  socket.off("data", take);
  return all();
}

const PAYLOAD = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * i) >> 3));

test("bytes pass unchanged and in order both ways, however the wire jitters", async () => {
  const [near, end] = await pair();
  proxy.set({ delayMs: 2, jitterMs: 20, bytesPerSecond: null });
  near.write(PAYLOAD);
  end.write(PAYLOAD);
  const [there, back] = await Promise.all([read(end, PAYLOAD.length), read(near, PAYLOAD.length)]);
  expect(there.equals(PAYLOAD) && back.equals(PAYLOAD)).toBe(true);
  near.end();
  await once(end.resume(), "end");
  end.end();
  await until(() => proxy.connectionCount === 0);
});

test("a delayed wire takes its delay, a narrow one its time", async () => {
  const [near, end] = await pair();
  proxy.set({ ...CLEAN, delayMs: 120 });
  let began = performance.now();
  near.write("x");
  await read(end, 1);
  expect(performance.now() - began).toBeGreaterThan(115);
  proxy.set({ ...CLEAN, bytesPerSecond: 5_000_000 });
  began = performance.now();
  near.write(PAYLOAD);
  await read(end, PAYLOAD.length);
  expect(performance.now() - began).toBeGreaterThan(150);
});

test("a cut resets both ends", async () => {
  const [near, end] = await pair();
  const ended = Promise.all([closed(near), closed(end)]);
  expect(proxy.cut()).toBe(1);
  expect(await ended).toEqual([true, true]);
  await until(() => proxy.connectionCount === 0);
});

test("a partition holds bytes, ends and new connections back, and nothing is lost when it heals", async () => {
  const [near, end] = await pair();
  proxy.partition();
  near.write("held");
  const late = await dialled();
  late.write("later");
  let seen = 0;
  end.on("data", ({ length }) => (seen += length));
  await sleep(100);
  expect([seen, far.length]).toEqual([0, 1]);
  proxy.heal();
  await until(() => seen === 4 && far.length === 2);
  expect((await read(far[1]!, 5)).toString()).toBe("later");
});

test.each(["near", "far"] as const)(
  "half open: the %s end is told nothing, and what it says is lost",
  async (unaware) => {
    const [near, end] = await pair();
    const [left, reset] = unaware === "near" ? [near, end] : [end, near];
    let told = 0;
    for (const event of ["data", "end", "close"]) left.on(event, () => told++);
    const ended = closed(reset);
    expect(proxy.halfOpen(unaware)).toBe(1);
    expect(await ended).toBe(true);
    for (let i = 0; i < 5; i++) left.write(PAYLOAD.subarray(0, 100_000));
    await sleep(50);
    expect([told, left.writableLength]).toEqual([0, 0]);
    left.destroy();
    await until(() => proxy.connectionCount === 0);
  },
);

test("a reset by one end reaches the other", async () => {
  const [near, end] = await pair();
  const ended = closed(end);
  near.resetAndDestroy();
  expect(await ended).toBe(true);
  await until(() => proxy.connectionCount === 0);
});

test("a cut of a connection that is just ending leaves no descriptor behind", async () => {
  const descriptors = (): number => readdirSync("/proc/self/fd").length;
  const before = descriptors();
  const [near, end] = await pair();
  proxy.partition();
  near.end();
  await sleep(50);
  // The end passes, and in the same turn of the event loop comes the cut.
  proxy.heal();
  proxy.cut();
  for (const socket of [near, end]) socket.destroy();
  await until(() => proxy.connectionCount === 0 && descriptors() <= before);
});
