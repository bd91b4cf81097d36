import { Socket } from "node:net";
import { Worker, isMainThread, workerData } from "node:worker_threads";
import { type ParsedFormat, parseDocument } from "./formats/parse.ts";
import { parseLimits } from "./formats/parse-limits.ts";
import { UnreadError } from "./formats/unread.ts";
import { FrameReader, READY, frame } from "./parse-frames.ts";

/*
 * The process that parses what others made: one file after the other from standard input, answers to file descriptor 3. It may read the program's files
 * alone. A second thread ends it when it takes too much memory or when its parent is gone, for a parser that does not come back sees neither. No thread can
 * be started after it: a thread of one's own choosing would be held by no permission.
 */

const WATCH_MS = 50;

/** As Node 24.20, 26.3 and newer have it; on an older one no parser starts. */
type Permission = NodeJS.ProcessPermission & { drop(scope: "worker"): void };

async function serve(): Promise<void> {
  const answers = new Socket({ fd: 3, readable: false });
  answers.write(frame(Buffer.from(READY)));
  const frames = new FrameReader(parseLimits.fileBytesMax + 64);
  for await (const chunk of process.stdin) {
    for (const request of frames.take(chunk as Buffer))
      answers.write(frame(Buffer.from(JSON.stringify(await answer(request)))));
  }
  process.exit(0);
}

/** A request is the format's name, a line end, and the file. */
async function answer(request: Buffer): Promise<object> {
  const end = request.indexOf("\n");
  try {
    return await parseDocument(request.toString("latin1", 0, end) as ParsedFormat, request.subarray(end + 1));
  } catch (error) {
    if (!(error instanceof UnreadError)) throw error;
    return { reason: error.reason, what: error.what };
  }
}

function watch({ residentBytesMax, parent }: { readonly residentBytesMax: number; readonly parent: number }): void {
  setInterval(() => {
    if (process.memoryUsage.rss() > residentBytesMax || process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  }, WATCH_MS);
}

if (isMainThread) {
  const residentBytesMax = Number(process.argv[2]);
  new Worker(new URL(import.meta.url), { workerData: { residentBytesMax, parent: process.ppid } }).unref();
  (process.permission as Permission).drop("worker");
  await serve();
} else watch(workerData as Parameters<typeof watch>[0]);
