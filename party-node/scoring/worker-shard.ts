import { Worker } from "node:worker_threads";
import {
  type BlockRow,
  Fault,
  type RingLayout,
  type ScoringFaultCode,
  type Shard,
  type ShardBlock,
  type SharedQuery,
  vectorProblem,
} from "../../crypto/index.ts";
import type { ShardCall, ShardReply, ShardRequest, ShardWorkerData } from "./shard-messages.ts";

export type ScoringThreadFaultCode = "SCORING_THREAD_ENDED";

type Result = Extract<ShardReply, { result: unknown }>["result"];

interface Pending {
  readonly resolve: (result: Result) => void;
  readonly reject: (why: Fault) => void;
}

/** A shard in a thread of its own. Messages arrive in the order they are sent, which is what {@link Shard} asks for. */
export class WorkerShard implements Shard {
  readonly failed: Promise<Fault>;
  readonly #fail: (why: Fault) => void;
  readonly #worker: Worker;
  readonly #layout: RingLayout;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #over: Fault | null = null;

  constructor(data: ShardWorkerData) {
    const program = import.meta.url.endsWith(".ts") ? "./shard-worker.ts" : "./shard-worker.js";
    const failure = Promise.withResolvers<Fault>();
    this.failed = failure.promise;
    this.#fail = failure.resolve;
    this.#layout = data.layout;
    this.#worker = new Worker(new URL(program, import.meta.url), { workerData: data });
    this.#worker.on("message", (reply: ShardReply) => {
      this.#receive(reply);
    });
    this.#worker.on("error", (error) => {
      this.#fail(this.#end(error));
    });
    this.#worker.on("exit", () => {
      this.#fail(this.#end());
    });
  }

  async stage(block: number, rows: readonly BlockRow[], revision: number): Promise<ShardBlock | null> {
    const vectors = this.#concatenate(rows);
    const request = { type: "stage", block, revision, slots: rows.map(({ slot }) => slot), vectors } as const;
    return (await this.#call(request, [vectors.buffer])) as ShardBlock | null;
  }

  async restore(block: number, revision: number): Promise<ShardBlock | null> {
    return (await this.#call({ type: "restore", block, revision })) as ShardBlock | null;
  }

  commit(): void {
    this.#send({ type: "commit" });
  }

  discard(): void {
    this.#send({ type: "discard" });
  }

  async score(queries: readonly SharedQuery[]): Promise<readonly Uint8Array[]> {
    return (await this.#call({ type: "score", queries: queries.map(({ memory }) => memory) })) as Uint8Array[];
  }

  async close(): Promise<void> {
    this.#worker.removeAllListeners();
    this.#end();
    await this.#worker.terminate();
  }

  /** One buffer that can be handed over, in place of views into larger ones, which would be copied whole. @throws Fault ROW_INVALID. */
  #concatenate(rows: readonly BlockRow[]): Float32Array<ArrayBuffer> {
    const { dim } = this.#layout;
    const vectors = new Float32Array(rows.length * dim);
    for (const [i, { slot, vector }] of rows.entries()) {
      if (vector.length !== dim) {
        const problem = vectorProblem(vector, this.#layout) ?? "";
        throw new Fault<ScoringFaultCode>("ROW_INVALID", `the row for slot ${String(slot)} ${problem}`);
      }
      vectors.set(vector, i * dim);
    }
    return vectors;
  }

  #call(request: DistributiveOmit<ShardCall, "id">, transfer: readonly ArrayBuffer[] = []): Promise<Result> {
    if (this.#over) return Promise.reject(this.#over);
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send({ ...request, id }, transfer);
    });
  }

  #send(request: ShardRequest, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #receive(reply: ShardReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ("fault" in reply) pending?.reject(new Fault(reply.fault.code, reply.fault.message));
    else pending?.resolve(reply.result);
  }

  /** The thread has ended: whatever waits for it, or asks it from now on, is told. */
  #end(cause?: unknown): Fault {
    const { name } = (cause ?? {}) as { readonly name?: unknown };
    const kind = typeof name === "string" ? ` (${name})` : "";
    this.#over ??= new Fault<ScoringThreadFaultCode>(
      "SCORING_THREAD_ENDED",
      `a scoring thread has ended${kind}; start the node again, with fewer --threads or more memory if this repeats`,
      cause,
    );
    for (const { reject } of this.#pending.values()) reject(this.#over);
    this.#pending.clear();
    return this.#over;
  }
}

type DistributiveOmit<Type, Key extends PropertyKey> = Type extends unknown ? Omit<Type, Key> : never;
