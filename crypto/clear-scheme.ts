import { setImmediate as nextTurn } from "node:timers/promises";
import { Fault } from "./fault.ts";
import { vectorProblem } from "./rlwe/block-layout.ts";
import type { RingLayout } from "./rlwe/parameters.ts";
import { deriveSeed, u32Bytes } from "./rlwe/public-randomness.ts";
import {
  type Asker,
  type BlockDescription,
  type BlockRow,
  type IndexAnswer,
  type PresentBlock,
  type QuerySecrets,
  type ScoringFaultCode,
  type ScoringIndex,
  isOccupied,
  occupancy,
} from "./scoring.ts";
import { hexOf } from "./hex.ts";

/** Work between two turns of the event loop, in entries multiplied. */
const SLICE_ENTRIES = 8 * 1024 * 1024;
const NO_HINT = new Uint8Array(0);

interface ClearBlock {
  readonly version: string;
  readonly occupied: Uint8Array;
  /** Shape [rowsPerBlock][dim]. */
  readonly rows: Float32Array;
}

/**
 * The same interface without any encryption: exact float32 inner products, the question in the open. The baseline that the encrypted scheme is
 * compared with; a node serves it only under `--insecure-clear`.
 */
export class ClearScorer implements ScoringIndex {
  readonly rowsPerBlock: number;
  readonly queryBytes: number;
  readonly failed = new Promise<never>(() => undefined);
  readonly #layout: RingLayout;
  readonly #staged = new Map<number, ClearBlock | null>();
  /** In order of block number; replaced, never changed. */
  #present: ReadonlyMap<number, ClearBlock> = new Map();
  #blocks: readonly PresentBlock[] = [];

  constructor(layout: RingLayout) {
    this.rowsPerBlock = layout.rowsPerBlock;
    this.queryBytes = layout.dim * 4;
    this.#layout = layout;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what is wrong with a row rejects
  async stage(block: number, rows: readonly BlockRow[]): Promise<BlockDescription | null> {
    const { dim, rowsPerBlock } = this.#layout;
    const values = new Float32Array(rowsPerBlock * dim);
    const taken = new Set<number>();
    for (const { slot, vector } of rows) {
      const slotIsGood = Number.isInteger(slot) && slot >= 0 && slot < rowsPerBlock && !taken.has(slot);
      const problem = slotIsGood ? vectorProblem(vector, this.#layout) : "has a slot out of range or given twice";
      if (problem !== null)
        throw new Fault<ScoringFaultCode>("ROW_INVALID", `the row for slot ${String(slot)} ${problem}`);
      taken.add(slot);
      values.set(vector, slot * dim);
    }
    if (rows.length === 0) {
      this.#staged.set(block, null);
      return null;
    }
    const occupied = occupancy(rowsPerBlock, taken);
    const seed = deriveSeed(
      new Uint8Array(32),
      "sotto clear block",
      new Uint8Array(values.buffer),
      occupied,
      u32Bytes(block),
    );
    const held = { version: hexOf(seed.subarray(0, 16)), occupied, rows: values };
    this.#staged.set(block, held);
    return describeBlock(block, held);
  }

  restore(): Promise<null> {
    return Promise.resolve(null);
  }

  commit(): readonly PresentBlock[] {
    const all = [...new Map([...this.#present, ...this.#staged])].sort(([a], [b]) => a - b);
    this.#present = new Map(all.flatMap(([block, held]) => (held ? [[block, held]] : [])));
    this.#blocks = [...this.#present].map(([block, { version }]) => ({ block, version }));
    this.#staged.clear();
    return this.#blocks;
  }

  discard(): void {
    this.#staged.clear();
  }

  describe(block: number): BlockDescription | null {
    const held = this.#present.get(block);
    return held ? describeBlock(block, held) : null;
  }

  async answer(query: Uint8Array, signal?: AbortSignal): Promise<IndexAnswer> {
    const { dim, rowsPerBlock } = this.#layout;
    if (query.length !== this.queryBytes) {
      throw new Fault<ScoringFaultCode>(
        "QUERY_MALFORMED",
        `the query has ${String(query.length)} bytes, expected ${String(this.queryBytes)}`,
      );
    }
    const vector = new Float32Array(new Uint8Array(query).buffer);
    if (!vector.every(Number.isFinite))
      throw new Fault<ScoringFaultCode>("QUERY_MALFORMED", "the query holds an entry that is not a finite number");
    const [blocks, present] = [this.#blocks, [...this.#present.values()]];
    const scores = new Float32Array(blocks.length * rowsPerBlock);
    const blocksPerSlice = Math.max(1, Math.floor(SLICE_ENTRIES / (rowsPerBlock * dim)));
    for (const [i, { rows }] of present.entries()) {
      if (i > 0 && i % blocksPerSlice === 0) await nextTurn();
      if (signal?.aborted) throw new Fault<ScoringFaultCode>("ABORTED", "the query was cancelled");
      for (let slot = 0; slot < rowsPerBlock; slot++) {
        let sum = 0;
        for (let k = 0, at = slot * dim; k < dim; k++, at++) sum += (rows[at] ?? 0) * (vector[k] ?? 0);
        scores[i * rowsPerBlock + slot] = sum;
      }
    }
    return { blocks, scores: new Uint8Array(scores.buffer) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function describeBlock(block: number, { version, occupied }: ClearBlock): BlockDescription {
  return { block, version, occupied, hint: NO_HINT };
}

/** The querier's side of {@link ClearScorer}: nothing is hidden, nothing can be used up. */
export class ClearAsker implements Asker {
  readonly #layout: RingLayout;

  constructor(layout: RingLayout) {
    this.#layout = layout;
  }

  async ask(embedding: Float32Array): Promise<{ query: Uint8Array; secrets: QuerySecrets }> {
    const problem = vectorProblem(embedding, { dim: this.#layout.dim, normMax: 1 });
    if (problem !== null) throw new Fault<ScoringFaultCode>("EMBEDDING_INVALID", `the question's embedding ${problem}`);
    return Promise.resolve({
      query: new Uint8Array(embedding.slice().buffer),
      secrets: clearSecrets(this.#layout.rowsPerBlock),
    });
  }

  blocksChanged(): void {
    // Nothing is prepared ahead.
  }

  refill(): void {
    // No keys are spent.
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    // Nothing is held.
  }
}

function clearSecrets(rowsPerBlock: number): QuerySecrets {
  let wiped = false;
  return {
    prepare() {
      // Nothing is prepared ahead.
    },
    read(_party, block, scores) {
      if (wiped) throw new TypeError("this query key has been wiped");
      if (scores.length !== rowsPerBlock * 4) {
        throw new Fault<ScoringFaultCode>(
          "ANSWER_MALFORMED",
          `a block's scores have ${String(scores.length)} bytes, expected ${String(rowsPerBlock * 4)}`,
        );
      }
      return new Float32Array(new Uint8Array(scores).buffer).map((score, slot) =>
        isOccupied(block.occupied, slot) ? score : NaN,
      );
    },
    readTotal() {
      throw new TypeError("totals are of encrypted scores");
    },
    reveal: () => null,
    [Symbol.dispose]() {
      wiped = true;
    },
  };
}
