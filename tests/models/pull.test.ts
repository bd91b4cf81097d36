import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  KNOWN_MODELS,
  knownModel,
  pullModel,
  readManifest,
  type ModelManifest,
  type PullProgress,
} from "../../party-node/models/index.ts";

const CONTENT = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251));
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let server: Server;
let handler: Handler;
let ranges: (string | undefined)[];
let directory: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sotto-pull-"));
  ranges = [];
  handler = serve;
});
afterEach(() => rm(directory, { recursive: true }));

/** An ordinary server that knows ranges. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  response.writeHead(
    from > 0 ? 206 : 200,
    from > 0 ? { "content-range": `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` } : {},
  );
  response.end(CONTENT.subarray(from));
}

/** Sends `bytes` bytes, then cuts the connection. */
function cut(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { "content-length": CONTENT.length });
  response.write(CONTENT.subarray(0, bytes), () => setTimeout(() => response.destroy(), 50));
}

function manifest(change: Partial<ModelManifest["files"][number]> = {}): ModelManifest {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.onnx`;
  return { name: "test", files: [{ path: "onnx/model.onnx", url, bytes: CONTENT.length, sha256: SHA256, ...change }] };
}

const target = (): string => join(directory, "onnx/model.onnx");
async function expectContent(file: string, content: Buffer): Promise<void> {
  expect(content.equals(await readFile(file))).toBe(true);
}
const quick = { retryDelayMs: 1, attemptsMax: 3 };

describe("pullModel", () => {
  test("downloads, reports progress and leaves no part file", async () => {
    const seen: PullProgress[] = [];
    await pullModel(manifest(), directory, { ...quick, onProgress: (progress) => seen.push(progress) });
    await expectContent(target(), CONTENT);
    expect(await readdir(join(directory, "onnx"))).toEqual(["model.onnx"]);
    expect(seen.at(-1)).toEqual({ path: "onnx/model.onnx", receivedBytes: CONTENT.length, totalBytes: CONTENT.length });
  });

  test("what is complete is not fetched again; what is damaged is", async () => {
    await pullModel(manifest(), directory, quick);
    await pullModel(manifest(), directory, quick);
    expect(ranges).toHaveLength(1);
    await writeFile(target(), Buffer.alloc(CONTENT.length));
    await pullModel(manifest(), directory, quick);
    await expectContent(target(), CONTENT);
  });

  test("a cut connection is taken up where it broke, at once and by a later run", async () => {
    handler = (request, response) => (request.headers.range ? serve(request, response) : cut(response, 100_000));
    await pullModel(manifest(), directory, quick);
    await expectContent(target(), CONTENT);
    expect(ranges).toEqual([undefined, "bytes=100000-"]);

    await rm(target());
    await writeFile(`${target()}.part`, CONTENT.subarray(0, 250_000));
    await pullModel(manifest(), directory, quick);
    expect(ranges.at(-1)).toBe("bytes=250000-");
    await expectContent(target(), CONTENT);
  });

  test("a server that knows no ranges is read from the start", async () => {
    await pullModel(manifest(), directory, quick);
    await rm(target());
    await writeFile(`${target()}.part`, CONTENT.subarray(0, 1000));
    handler = (_, response) => response.end(CONTENT);
    await pullModel(manifest(), directory, quick);
    await expectContent(target(), CONTENT);
  });

  test("a wrong hash is refused and nothing of it stays", async () => {
    await expect(pullModel(manifest({ sha256: "0".repeat(64) }), directory, quick)).rejects.toMatchObject({
      code: "WRONG_HASH",
    });
    expect(await readdir(join(directory, "onnx"))).toEqual([]);
  });

  test("more bytes than pinned are refused and nothing of them stays", async () => {
    await expect(pullModel(manifest({ bytes: 1000 }), directory, quick)).rejects.toMatchObject({ code: "WRONG_SIZE" });
    expect(await readdir(join(directory, "onnx"))).toEqual([]);
  });

  test("gives up after attempts without progress, keeping what came", async () => {
    handler = (request, response) => (request.headers.range ? response.destroy() : cut(response, 100_000));
    await expect(pullModel(manifest(), directory, quick)).rejects.toMatchObject({ code: "NETWORK" });
    expect(existsSync(target())).toBe(false);
    await expectContent(`${target()}.part`, CONTENT.subarray(0, 100_000));
    expect(ranges).toEqual([undefined, "bytes=100000-", "bytes=100000-"]);
  });

  test("retries a busy server, not a refusal", async () => {
    handler = (request, response) => (ranges.length < 3 ? response.writeHead(503).end() : serve(request, response));
    await pullModel(manifest(), directory, quick);
    expect(ranges).toHaveLength(3);
    await rm(target());
    handler = (_, response) => response.writeHead(404).end();
    await expect(pullModel(manifest(), directory, quick)).rejects.toMatchObject({ code: "HTTP_STATUS" });
    expect(ranges).toHaveLength(4);
  });

  test("a silent server counts as broken off", async () => {
    handler = (_, response) => response.writeHead(200).write("x");
    await expect(
      pullModel(manifest(), directory, { ...quick, attemptsMax: 1, idleTimeoutMs: 50 }),
    ).rejects.toMatchObject({ code: "NETWORK" });
    server.closeAllConnections();
  });

  test("refuses options it does not know", async () => {
    await expect(pullModel(manifest(), directory, { retries: 3 } as object)).rejects.toThrow(TypeError);
  });
});

describe("manifests", () => {
  test("a good one is read", async () => {
    const file = join(directory, "manifest.json");
    await writeFile(file, JSON.stringify(manifest()));
    expect(readManifest(file)).toEqual(manifest());
  });

  const bad: { id: string; change: object }[] = [
    { id: "path that climbs out", change: { path: "../model.onnx" } },
    { id: "path that climbs out inside", change: { path: "a/../../model.onnx" } },
    { id: "absolute path", change: { path: "/etc/passwd" } },
    { id: "backslashes", change: { path: "a\\b" } },
    { id: "file URL", change: { url: "file:///etc/passwd" } },
    { id: "short hash", change: { sha256: "abc" } },
    { id: "no bytes", change: { bytes: 0 } },
    { id: "unknown key", change: { sha1: "x" } },
  ];
  test.each(bad)("refuses a $id", async ({ change }) => {
    const file = join(directory, "manifest.json");
    await writeFile(file, JSON.stringify({ name: "test", files: [{ ...manifest().files[0], ...change }] }));
    expect(() => readManifest(file)).toThrow(expect.objectContaining({ code: "BAD_MANIFEST" }));
  });

  test("refuses what is absent, or no JSON, or empty", async () => {
    const file = join(directory, "manifest.json");
    for (const content of [undefined, "{", "[]", JSON.stringify({ name: "x", files: [] })]) {
      if (content !== undefined) await writeFile(file, content);
      expect(() => readManifest(file)).toThrow(expect.objectContaining({ code: "BAD_MANIFEST" }));
    }
  });

  test("the known models are well-formed manifests", async () => {
    const file = join(directory, "manifest.json");
    for (const model of KNOWN_MODELS) {
      await writeFile(file, JSON.stringify(model));
      expect(readManifest(file)).toEqual(model);
      expect(knownModel(model.name)).toBe(model);
    }
    expect(() => knownModel("gpt")).toThrow(expect.objectContaining({ code: "UNKNOWN_MODEL" }));
  });
});
