/*
 * Imported before the program (`node --expose-gc --import`): tells the parent on request how much memory is in use once all that can be freed is freed.
 * Resident memory alone would hide a small leak behind the collector's sawtooth. Compiled code is left out: V8 goes on compiling for minutes, by how warm a
 * function is, and what it adds then looked like a kilobyte a question.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";
import type { MemoryEvent, ParentRequest } from "./worker-messages.ts";

/** Buffers are given back beside the program, after a collection; what they held on to goes with the next. */
const COLLECTIONS = 3;
const PAUSE_MS = 100;
/** Machine code and bytecode, with what belongs to them. */
const CODE_SPACES = ["code_space", "code_large_object_space", "trusted_space", "trusted_large_object_space"];

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
  const code = getHeapSpaceStatistics()
    .filter((space) => CODE_SPACES.includes(space.space_name))
    .reduce((sum, space) => sum + space.space_used_size, 0);
  // It may have been told to end meanwhile.
  if (process.connected)
    process.send?.({ event: "memory", liveBytes: heapUsed - code + external } satisfies MemoryEvent);
}
