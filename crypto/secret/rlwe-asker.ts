import { setImmediate as nextTurn } from "node:timers/promises";
import { Fault } from "../fault.ts";
import { vectorProblem } from "../rlwe/block-layout.ts";
import type { RingLayout } from "../rlwe/parameters.ts";
import { publicPolynomial } from "../rlwe/public-randomness.ts";
import { WasmKernels } from "../rlwe/wasm-kernels.ts";
import type { Asker, BlockDescription, QuerySecrets, ScoringFaultCode } from "../scoring.ts";
import { QueryKey } from "./query-key.ts";

/** Keys kept ready by default: one for the question being typed, one for the next. */
const POOL_SIZE = 2;

/**
 * The querier's pool of single-use keys (DESIGN.md 4.4): between questions it makes keys and everything they need for the blocks known, so that
 * asking costs a transform and an addition, and reading a subtraction.
 */
export class RlweAsker implements Asker {
  readonly #layout: RingLayout;
  readonly #kernels: WasmKernels;
  readonly #publicRandomness: readonly Uint32Array[];
  readonly #poolSize: number;
  readonly #pool: QueryKey[] = [];
  #blocks: ReadonlyMap<string, readonly BlockDescription[]> = new Map();
  #filling: Promise<void> | null = null;
  #stale = false;
  #closed = false;

  constructor(layout: RingLayout, options: { readonly poolSize?: number } = {}) {
    this.#layout = layout;
    this.#kernels = new WasmKernels({ chunks: layout.chunks });
    this.#publicRandomness = Array.from({ length: layout.chunks }, (_, j) => publicPolynomial(layout.seed, j));
    this.#poolSize = options.poolSize ?? POOL_SIZE;
    void this.#fill();
  }

  async ask(embedding: Float32Array): Promise<{ query: Uint8Array; secrets: QuerySecrets }> {
    const problem = vectorProblem(embedding, { dim: this.#layout.dim, normMax: 1 });
    if (problem !== null) throw new Fault<ScoringFaultCode>("EMBEDDING_INVALID", `the question's embedding ${problem}`);
    const key = this.#pool.shift() ?? (await this.#makeKey());
    return { query: key.encrypt(embedding), secrets: key };
  }

  blocksChanged(blocks: ReadonlyMap<string, readonly BlockDescription[]>): void {
    this.#blocks = blocks;
    this.#stale = true;
    void this.#fill();
  }

  refill(): void {
    void this.#fill();
  }

  async ready(): Promise<void> {
    while (!this.#closed && (this.#stale || this.#pool.length < this.#poolSize)) await this.#fill();
  }

  close(): void {
    this.#closed = true;
    for (const key of this.#pool.splice(0)) key[Symbol.dispose]();
  }

  /** One filling at a time. */
  #fill(): Promise<void> {
    this.#filling ??= this.#work().finally(() => {
      this.#filling = null;
    });
    return this.#filling;
  }

  async #work(): Promise<void> {
    while (!this.#closed && (this.#stale || this.#pool.length < this.#poolSize)) {
      this.#stale = false;
      for (const key of [...this.#pool]) await this.#prepare(key);
      if (this.#pool.length < this.#poolSize) {
        const key = await this.#makeKey();
        await this.#prepare(key);
        if (this.#mustStop()) key[Symbol.dispose]();
        else this.#pool.push(key);
      }
    }
  }

  #mustStop(): boolean {
    return this.#closed;
  }

  async #prepare(key: QueryKey): Promise<void> {
    for (const [party, blocks] of this.#blocks) {
      for (const [i, block] of blocks.entries()) {
        if (this.#mustStop() || key.wiped) return;
        this.#prepareBlock(key, party, block);
        if (i % 16 === 15) await nextTurn();
      }
    }
  }

  /** A party's malformed hint must not stop the work for the others: whoever reads that block's scores is told. */
  #prepareBlock(key: QueryKey, party: string, block: BlockDescription): void {
    try {
      key.prepare(party, block);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }

  #makeKey(): Promise<QueryKey> {
    return QueryKey.generate(this.#layout, this.#publicRandomness, this.#kernels, () => nextTurn());
  }
}
