// The program of one scoring thread: holds a shard's blocks in its own memory and does what it is told, in order.
import { parentPort, workerData } from "node:worker_threads";
import { BlockShard, Fault, type ShardBlock, SharedQuery } from "../../crypto/index.ts";
import { BlockCache } from "./block-cache.ts";
import type { ShardCall, ShardReply, ShardRequest, ShardWorkerData } from "./shard-messages.ts";

const { layout, hintKey, cachePath: path } = workerData as ShardWorkerData;
const shard = new BlockShard(layout, hintKey);
const cache = path === null ? null : BlockCache.open({ path, layout, hintKey });

function stage({ block, revision, slots, vectors }: Extract<ShardCall, { type: "stage" }>): ShardBlock | null {
  const rows = slots.map((slot, i) => ({ slot, vector: vectors.subarray(i * layout.dim, (i + 1) * layout.dim) }));
  const staged = shard.stage(block, rows);
  const encoded = shard.encoded(block);
  if (encoded) cache?.write(block, revision, encoded);
  else cache?.remove(block);
  return staged;
}

function restore(block: number, revision: number): ShardBlock | null {
  const encoded = cache?.read(block, revision);
  return encoded ? shard.stageEncoded(block, encoded) : null;
}

function score(memories: readonly SharedArrayBuffer[]): Uint8Array[] {
  const slices = shard.score(memories.map((memory) => new SharedQuery(memory)));
  for (;;) {
    const slice = slices.next();
    if (slice.done) return slice.value;
  }
}

function answer(request: ShardCall): ShardReply {
  try {
    switch (request.type) {
      case "stage":
        return { id: request.id, result: stage(request) };
      case "restore":
        return { id: request.id, result: restore(request.block, request.revision) };
      case "score":
        return { id: request.id, result: score(request.queries) };
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { id: request.id, fault: { code: error.code, message: error.message } };
  }
}

/** Scores are handed over; what is told of a block is small, and copied. */
function transferable(reply: ShardReply): ArrayBuffer[] {
  return "result" in reply && Array.isArray(reply.result)
    ? (reply.result as Uint8Array<ArrayBuffer>[]).map(({ buffer }) => buffer)
    : [];
}

parentPort?.on("message", (request: ShardRequest) => {
  if (request.type === "commit") shard.commit();
  else if (request.type === "discard") shard.discard();
  else {
    const reply = answer(request);
    parentPort?.postMessage(reply, transferable(reply));
  }
});
