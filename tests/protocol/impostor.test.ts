import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type WebSocket, WebSocketServer } from "ws";
import { dial, limits } from "../../protocol/index.ts";
import { TestFederation } from "../support/federation.ts";

/* Somebody answers where a coordinator is expected, and has no key of this federation. */

const code = (expected: string) => expect.objectContaining({ code: expected });
let f: TestFederation;
beforeAll(async () => {
  f = await TestFederation.start({ corpora: {}, mode: "clear" });
});
afterAll(async () => {
  await f[Symbol.asyncDispose]();
});

/** Dials an impostor that does this once it was greeted. @returns The outcome, and how often it was dialled. */
async function meet(act: (socket: WebSocket, hello: Uint8Array) => void) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  let met = 0;
  server.on("connection", (socket) => {
    met++;
    socket.on("error", () => undefined);
    socket.once("message", (hello) => {
      act(socket, new Uint8Array(hello as Buffer));
    });
  });
  await once(server, "listening");
  const url = `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  try {
    const dialled = dial(url, { identity: f.identity("asker"), federation: f.federation });
    const outcome = await dialled.catch((error: unknown) => error);
    return { outcome, met };
  } finally {
    server.close();
  }
}

test("what is larger than a handshake is cut off while it arrives, before it is put together", async () => {
  const whole = await meet((socket) => {
    socket.send(new Uint8Array(limits.frameBytesMax));
  });
  expect(whole.outcome).toEqual(code("LIMIT_EXCEEDED"));
});

test("a part of a message that is never finished is counted as well", async () => {
  let sent = 0;
  const { outcome } = await meet((socket) => {
    const more = (): void => {
      if (socket.readyState !== socket.OPEN) return;
      sent += 4000;
      socket.send(new Uint8Array(4000), { fin: false }, () => setImmediate(more));
    };
    more();
  });
  expect(outcome).toEqual(code("LIMIT_EXCEEDED"));
  expect(sent).toBeLessThan(4 * 1024 * 1024);
});

test("a refusal, which anybody can make up, is told and changes nothing: it is dialled once, at the one version there is", async () => {
  const offered: Uint8Array[] = [];
  const { outcome, met } = await meet((socket, hello) => {
    offered.push(hello);
    socket.close(1008, "VERSION_UNSUPPORTED");
  });
  expect(outcome).toEqual(code("VERSION_UNSUPPORTED"));
  expect([met, offered.length]).toEqual([1, 1]);
});
