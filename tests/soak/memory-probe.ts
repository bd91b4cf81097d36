/*
 * Imported before the program (`node --expose-gc --import`): tells the parent on request how much memory is in use once all that can be freed is freed.
 * Resident memory alone would hide a small leak behind the collector's sawtooth.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { MemoryEvent, ParentRequest } from "./worker-messages.ts";

/** Buffers are given back beside the program, after a collection; what they held on to goes with the next. */
const COLLECTIONS = 3;
const PAUSE_MS = 100;

process.on("message", ({ request }: ParentRequest) => {
  if (request === "memory") void tellMemory();
});
// The listener alone keeps no program running.
process.channel?.unref();

async function tellMemory(): Promise<void> {
  for (let i = 0; i < COLLECTIONS; i++) {
    globalThis.gc?.();
    await sleep(PAUSE_MS);
  }
  const { heapUsed, external } = process.memoryUsage();
  // It may have been told to end meanwhile.
  if (process.connected) process.send?.({ event: "memory", liveBytes: heapUsed + external } satisfies MemoryEvent);
}
