import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../crypto/fault.ts";
import type { ModelFaultCode } from "./faults.ts";
import type { ModelFile, ModelManifest } from "./manifest.ts";

export interface PullProgress {
  /** The file now being fetched. */
  readonly path: string;
  /** Of all files together; bytes that were already here count as received. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

export interface PullOptions {
  readonly onProgress?: (progress: PullProgress) => void;
  /** Attempts in a row that bring no new byte before giving up. Default 4. */
  readonly attemptsMax?: number;
  /** Wait before the second attempt; doubles each time. Default 1000. */
  readonly retryDelayMs?: number;
  /** A server silent for so long has broken off. Default 30000. */
  readonly idleTimeoutMs?: number;
}

type Settings = Required<PullOptions>;

/**
 * Downloads a model's files into a folder. What is there and has the right hash stays; a `.part` file is continued; a file gets
 * its name only after its SHA-256 was right, so that a folder never holds a file that is not the pinned one under its name.
 *
 * @throws Fault HTTP_STATUS, NETWORK (run it again to go on), WRONG_SIZE, WRONG_HASH (the bytes are removed).
 */
export async function pullModel(model: ModelManifest, directory: string, options: PullOptions = {}): Promise<void> {
  const { onProgress = () => {}, attemptsMax = 4, retryDelayMs = 1000, idleTimeoutMs = 30_000, ...unknown } = options;
  const misspelt = Object.keys(unknown);
  if (misspelt.length > 0) throw new TypeError(`pullModel has no option ${misspelt.join(", ")}`);
  const totalBytes = model.files.reduce((sum, file) => sum + file.bytes, 0);
  let doneBytes = 0;
  for (const file of model.files) {
    const report = (receivedBytes: number): void => {
      onProgress({ path: file.path, receivedBytes: doneBytes + receivedBytes, totalBytes });
    };
    await pullFile(file, join(directory, file.path), report, { onProgress, attemptsMax, retryDelayMs, idleTimeoutMs });
    doneBytes += file.bytes;
    report(0);
  }
}

async function pullFile(
  file: ModelFile,
  target: string,
  report: (receivedBytes: number) => void,
  settings: Settings,
): Promise<void> {
  if ((await sizeOf(target)) === file.bytes && (await sha256(target)) === file.sha256) return;
  await mkdir(dirname(target), { recursive: true });
  const part = `${target}.part`;
  let failures = 0;
  let size = await startSize(part, file);
  while (size < file.bytes) {
    try {
      await append(file, part, size, report, settings.idleTimeoutMs);
    } catch (error) {
      if (!(error instanceof Retryable)) throw error;
      if ((await sizeOf(part)) > size) failures = 0;
      if (++failures >= settings.attemptsMax) {
        const message = `${file.url} broke off ${failures} times in a row; check the connection and run the same command again: it goes on where it stopped.`;
        throw fault("NETWORK", message, error.cause);
      }
      await sleep(settings.retryDelayMs * 2 ** (failures - 1));
    }
    size = await sizeOf(part);
  }
  if (size !== file.bytes)
    throw await discard(part, "WRONG_SIZE", `${file.url} is longer than the ${file.bytes} bytes pinned`);
  if ((await sha256(part)) !== file.sha256)
    throw await discard(part, "WRONG_HASH", `${file.url} does not have the pinned SHA-256`);
  await rename(part, target);
}

/** A failure that a later attempt may not meet. */
class Retryable extends Error {}

/** Fetches from `offset` to the end and appends; a server that cannot continue starts over from byte 0. */
async function append(
  file: ModelFile,
  part: string,
  offset: number,
  report: (receivedBytes: number) => void,
  idleTimeoutMs: number,
): Promise<void> {
  const abort = new AbortController();
  const idle = setTimeout(() => abort.abort(new Error(`no byte for ${idleTimeoutMs} ms`)), idleTimeoutMs);
  try {
    const response = await request(file, offset, abort.signal);
    let size = response.status === 206 ? offset : 0;
    await using output = await open(part, size === 0 ? "w" : "a");
    for await (const chunk of received(response)) {
      idle.refresh();
      size += chunk.byteLength;
      await output.writeFile(chunk);
      if (size > file.bytes) return;
      report(size);
    }
    await output.sync();
    if (size < file.bytes) throw new Retryable("ended early");
  } finally {
    clearTimeout(idle);
    abort.abort();
  }
}

async function request(file: ModelFile, offset: number, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (offset > 0) headers["range"] = `bytes=${offset}-`;
  let response: Response;
  try {
    response = await fetch(file.url, { headers, signal });
  } catch (cause) {
    throw new Retryable("no answer", { cause });
  }
  const continues = response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${offset}-`);
  if (response.status === 200 || continues) return response;
  if (response.status >= 500 || response.status === 429) throw new Retryable(`status ${response.status}`);
  throw fault(
    "HTTP_STATUS",
    `${file.url} answered with status ${response.status}; check the address, or get the file by hand.`,
  );
}

async function* received(response: Response): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  for (;;) {
    const next = await reader.read().catch((cause: unknown) => {
      throw new Retryable("broke off", { cause });
    });
    if (next.done) return;
    yield next.value;
  }
}

/** Bytes of the `.part` file worth keeping; one that is too long is started over. */
async function startSize(part: string, file: ModelFile): Promise<number> {
  const size = await sizeOf(part);
  if (size <= file.bytes) return size;
  await rm(part);
  return 0;
}

async function discard(part: string, code: ModelFaultCode, problem: string): Promise<Error> {
  await rm(part, { force: true });
  return fault(code, `${problem}; it has been removed. Check the manifest, or ask whoever serves the file.`);
}

async function sizeOf(path: string): Promise<number> {
  return existsSync(path) ? (await stat(path)).size : 0;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function fault(code: ModelFaultCode, message: string, cause?: unknown): Fault {
  return new Fault(code, message, cause);
}
