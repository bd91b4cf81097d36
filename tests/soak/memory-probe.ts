/*
 * Imported before the program (`node --expose-gc --import`): tells the parent on request how much memory is in use once all that can be freed is freed.
 * Resident memory alone would hide a small leak behind the collector's sawtooth.
 */
import type { MemoryEvent, ParentRequest } from "./worker-messages.ts";

process.on("message", ({ request }: ParentRequest) => {
  if (request !== "memory") return;
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ event: "memory", liveBytes: heapUsed + external } satisfies MemoryEvent);
});
// The listener alone keeps no program running.
process.channel?.unref();
