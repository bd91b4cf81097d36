import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { WebSocket, WebSocketServer } from "ws";
import { TestFederation } from "../support/federation.ts";
import { decode, encode } from "./independent/cbor.ts";
import { IndependentFederation, IndependentQuerier } from "./independent/client.ts";

let f: TestFederation;
let federation: IndependentFederation;
const clients: IndependentQuerier[] = [];
beforeAll(async () => {
  f = await TestFederation.start({
    corpora: {
      clinic: { a: "warfarin is restarted when the wound has closed", b: "rest and water for a cold" },
      lab: { c: "the sample is kept at minus twenty degrees", d: "warfarin was measured in plasma" },
    },
    queriers: ["asker", "second"],
  });
  federation = new IndependentFederation(f.file, f.rootPublicKey);
});
afterAll(async () => {
  for (const client of clients) client.close();
  await f[Symbol.asyncDispose]();
});

const self = (name = "asker") => ({ name, seed: f.identity(name).secretKey.slice(0, 32) });
async function connect(url = f.url, options: Parameters<typeof IndependentQuerier.connect>[3] = {}) {
  const client = await IndependentQuerier.connect(url, federation, self(), options);
  clients.push(client);
  return client;
}

test("a client that shares no code with the project is told the roster", async () => {
  expect(readdirSync(join(import.meta.dirname, "independent")).sort()).toEqual(
    ["cbor.ts", "client.ts", "federation.ts", "handshake.ts", "primitives.ts", "records.ts", "ring.ts"], // all that it is made of
  );
  for (const name of readdirSync(join(import.meta.dirname, "independent"))) {
    const text = readFileSync(join(import.meta.dirname, "independent", name), "utf8");
    for (const [, from = ""] of text.matchAll(/from "([^"]*)"/g)) expect(from).toMatch(/^(\.\/|@noble\/|ws$)/);
  }
  expect((await connect()).roster).toEqual(["clinic", "lab"]);
});

test("it asks an encrypted question, reads what the project's own client reads, and fetches the passage", async () => {
  const question = "when is warfarin restarted";
  const vector = [...(await f.encoder.encodeQuery(question))];
  const { rows, fetch } = await (await connect()).ask(vector);
  const own = await (await f.client("second")).query(question, { k: 4 }).result;
  expect(rows).toHaveLength(4);
  for (const [i, { party, score }] of rows.entries()) {
    expect(party).toBe(own.passages[i]?.party);
    expect(score).toBeCloseTo(own.passages[i]?.score ?? NaN, 2);
  }
  const [passage] = await fetch(rows[0]!);
  expect(passage).toMatchObject({ documentId: "a", text: own.passages[0]?.text });
  await expect(fetch(rows.findLast(({ party }) => party === rows[0]!.party)!)).rejects.toThrow("FETCH_EXPIRED");
});

/** Between a member and the coordinator; changes what goes up. */
async function between(change: (message: Uint8Array, index: number) => Uint8Array) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (down) => {
    const up = new WebSocket(f.url);
    const early: Uint8Array[] = [];
    let count = 0;
    up.on("open", () => {
      for (const message of early) up.send(message);
    });
    down.on("message", (data) => {
      const message = change(new Uint8Array(data as Buffer), count++);
      if (up.readyState === WebSocket.OPEN) up.send(message);
      else early.push(message);
    });
    up.on("message", (data) => {
      down.send(data as Buffer);
    });
    up.on("close", (code, reason) => {
      down.close(code === 1006 ? 1011 : code, reason);
    });
    down.on("close", () => {
      up.close();
    });
  });
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return { url: `ws://127.0.0.1:${String(port)}`, close: () => server.close() };
}

test("a version that is not spoken is refused", async () => {
  for (const protocol of [0, 2, 4]) await expect(connect(f.url, { protocol })).rejects.toThrow("VERSION_UNSUPPORTED");
});

test("a version that was talked down on the way is noticed by who offered the higher one", async () => {
  const lower = await between((message, index) =>
    index === 0 ? encode({ ...(decode(message) as object), protocol: 3 }) : message,
  );
  await expect(connect(lower.url, { protocol: 4 })).rejects.toThrow(/tag/);
  const same = await between((message) => message);
  expect((await connect(same.url)).roster).toEqual(["clinic", "lab"]);
  lower.close();
  same.close();
});
