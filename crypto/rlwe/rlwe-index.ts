import { Fault } from "../fault.ts";
import type {
  BlockDescription,
  BlockRow,
  IndexAnswer,
  PresentBlock,
  ScoringFaultCode,
  ScoringIndex,
} from "../scoring.ts";
import { QUERIES_PER_PASS } from "./block-arena.ts";
import { type RingLayout, MODULUS, MODULUS_BITS, RING_DEGREE } from "./parameters.ts";
import type { Shard } from "./shard.ts";
import { SharedQuery } from "./shared-query.ts";
import { WasmKernels } from "./wasm-kernels.ts";

/** Residues that make a shard worth a thread of its own (16 MiB of blocks). */
const SHARD_RESIDUES_MIN = 4 * 1024 * 1024;

/** A query waiting for the next pass over the blocks. */
interface Waiting {
  readonly query: SharedQuery;
  readonly resolve: (answer: IndexAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/** What is present between two commits; never changed once made. */
interface State {
  /** In the order in which the shards, one after the other, give their scores. */
  readonly blocks: readonly PresentBlock[];
  readonly descriptions: ReadonlyMap<number, BlockDescription>;
}

export interface RlweIndexOptions {
  /** Makes another shard; they open one by one as the collection grows. */
  readonly openShard: () => Shard;
  /** 1 or more; default 1. */
  readonly shardsMax?: number;
}

/**
 * Encrypted scoring at the party (DESIGN.md section 4): places blocks on shards, and answers an encrypted query with the p high bits of the
 * coefficients that are scores, and nothing else. Queries that arrive during a pass over the blocks share the next one, up to eight.
 */
export class RlweIndex implements ScoringIndex {
  readonly rowsPerBlock: number;
  readonly queryBytes: number;
  readonly failed: Promise<Fault>;
  readonly #fail: (why: Fault) => void;
  readonly #layout: RingLayout;
  readonly #options: RlweIndexOptions;
  readonly #kernels = new WasmKernels({ chunks: 1 });
  readonly #shards: Shard[] = [];
  /** Block -> its shard's number, for every block that is present or staged. */
  readonly #places = new Map<number, number>();
  readonly #blocksPerShard: number[] = [];
  readonly #staged = new Map<number, BlockDescription | null>();
  #state: State = { blocks: [], descriptions: new Map() };
  #waiting: Waiting[] = [];
  #passing = false;

  constructor(layout: RingLayout, options: RlweIndexOptions) {
    this.rowsPerBlock = layout.rowsPerBlock;
    this.queryBytes = layout.queryBytes;
    const failure = Promise.withResolvers<Fault>();
    this.failed = failure.promise;
    this.#fail = failure.resolve;
    this.#layout = layout;
    this.#options = options;
  }

  async stage(block: number, rows: readonly BlockRow[], revision = 0): Promise<BlockDescription | null> {
    if (rows.length === 0 && !this.#places.has(block)) return null;
    const staged = await this.#placeOf(block).stage(block, rows, revision);
    const description = staged && { block, ...staged };
    this.#staged.set(block, description);
    return description;
  }

  async restore(block: number, revision: number): Promise<BlockDescription | null> {
    const restored = await this.#placeOf(block).restore(block, revision);
    if (!restored) return null;
    const description = { block, ...restored };
    this.#staged.set(block, description);
    return description;
  }

  commit(): readonly PresentBlock[] {
    for (const shard of this.#shards) shard.commit();
    const descriptions = new Map(this.#state.descriptions);
    for (const [block, description] of this.#staged) {
      if (description) descriptions.set(block, description);
      else descriptions.delete(block);
    }
    this.#staged.clear();
    this.#forgetPlaces(descriptions);
    const ofShards: PresentBlock[][] = this.#shards.map(() => []);
    for (const [block, { version }] of descriptions) ofShards[this.#places.get(block)!]!.push({ block, version });
    const blocks = ofShards.flatMap((list) => list.sort((a, b) => a.block - b.block));
    this.#state = { blocks, descriptions };
    return blocks;
  }

  discard(): void {
    for (const shard of this.#shards) shard.discard();
    this.#staged.clear();
    this.#forgetPlaces(this.#state.descriptions);
  }

  describe(block: number): BlockDescription | null {
    return this.#state.descriptions.get(block) ?? null;
  }

  async answer(query: Uint8Array, signal?: AbortSignal): Promise<IndexAnswer> {
    const unpacked = this.#unpackQuery(query);
    if (signal?.aborted) throw aborted();
    return await new Promise<IndexAnswer>((resolve, reject) => {
      const waiting: Waiting = { query: SharedQuery.of(unpacked), resolve, reject };
      // Told at once, although the others of its pass may keep the shards busy with it.
      const cancel = (): void => {
        waiting.query.cancel();
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(aborted());
      };
      signal?.addEventListener("abort", cancel, { once: true });
      this.#waiting.push(waiting);
      void this.#drain();
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.close()));
  }

  async #drain(): Promise<void> {
    if (this.#passing) return;
    this.#passing = true;
    await Promise.resolve(); // queries asked in one go share the first pass as well
    while (this.#waiting.length > 0) {
      const queries = this.#waiting.splice(0, QUERIES_PER_PASS);
      try {
        await this.#pass(queries);
      } catch (error) {
        for (const { reject } of queries) reject(error);
      }
    }
    this.#passing = false;
  }

  /** Answers these queries on the blocks as they are now. */
  async #pass(queries: readonly Waiting[]): Promise<void> {
    const { blocks } = this.#state;
    const batch = queries.map(({ query }) => query);
    const ofShards = await Promise.all(this.#shards.map((shard) => shard.score(batch)));
    for (const [i, { query, resolve, reject }] of queries.entries()) {
      const scores = concatenate(ofShards.map((of) => of[i]!));
      if (query.cancelled) continue;
      if (scores.length === blocks.length * this.#layout.scoreBytesPerBlock) resolve({ blocks, scores });
      else reject(new TypeError("a shard has scored other blocks than it holds"));
    }
  }

  /** Residues of a packed query, interleaved; every one is checked to be below q. */
  #unpackQuery(query: Uint8Array): Uint32Array {
    const malformed = (what: string): Fault => new Fault("QUERY_MALFORMED", `the encrypted query ${what}`);
    if (query.length !== this.queryBytes)
      throw malformed(`has ${String(query.length)} bytes, expected ${String(this.queryBytes)}`);
    const residues = this.#kernels.unpackBits(query, {
      count: this.#layout.chunks * RING_DEGREE,
      bits: MODULUS_BITS,
    });
    if (!areResidues(residues)) throw malformed("holds a residue that is not below the modulus");
    return residues;
  }

  /** The block's shard: the one that has it, or the emptiest, or a new one when all have enough to do. */
  #placeOf(block: number): Shard {
    const known = this.#places.get(block);
    if (known !== undefined) return this.#shards[known]!;
    let place = this.#blocksPerShard.indexOf(Math.min(...this.#blocksPerShard));
    const enough = SHARD_RESIDUES_MIN / (this.#layout.chunks * RING_DEGREE);
    const { shardsMax = 1, openShard } = this.#options;
    if (this.#shards.length === 0 || (this.#shards.length < shardsMax && this.#blocksPerShard[place]! >= enough)) {
      const shard = openShard();
      void shard.failed.then(this.#fail);
      place = this.#shards.push(shard) - 1;
      this.#blocksPerShard.push(0);
    }
    this.#places.set(block, place);
    this.#blocksPerShard[place]!++;
    return this.#shards[place]!;
  }

  /** Blocks that came to nothing leave their place to others. */
  #forgetPlaces(present: ReadonlyMap<number, unknown>): void {
    for (const [block, place] of this.#places) {
      if (present.has(block)) continue;
      this.#places.delete(block);
      this.#blocksPerShard[place]!--;
    }
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function aborted(): Fault {
  return new Fault<ScoringFaultCode>("ABORTED", "the query was cancelled");
}

/** Whether every value is below q. */
export function areResidues(values: Uint32Array): boolean {
  let largest = 0;
  for (let i = 0; i < values.length; i++) if (values[i]! > largest) largest = values[i]!;
  return largest < MODULUS;
}
