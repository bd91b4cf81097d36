import { refuseUnknown } from "../dcpe/parameters.ts";
import { checkBits, codeFault } from "./code-fault.ts";
import { HammingBlock, type HammingNeighbour } from "./hamming-block.ts";

/** Bytes of codes in one WebAssembly memory: with what a search finds in them they stay below the 4 GiB that one may have. */
const BLOCK_BYTES = 2 ** 30;

export interface HammingIndexOptions {
  /** Length of a code: 64, 128, ... 1024. */
  readonly bits: number;
  /** Bytes of codes that lie in one memory; 1 GiB by default. */
  readonly blockBytes?: number;
}

/** Codes searched one by one, in WebAssembly on one thread: exact, and the same on every machine. */
export class HammingIndex {
  readonly #width: number;
  readonly #blockRows: number;
  readonly #blocks: HammingBlock[] = [];

  /** @throws Fault PARAMETERS_INVALID. TypeError for an unknown option. */
  constructor({ bits, blockBytes = BLOCK_BYTES, ...unknown }: HammingIndexOptions) {
    refuseUnknown("HammingIndex", unknown);
    checkBits(bits);
    this.#width = bits / 8;
    this.#blockRows = Math.floor(Math.min(blockBytes, BLOCK_BYTES) / this.#width);
    if (!(this.#blockRows >= 1))
      throw codeFault("PARAMETERS_INVALID", `blockBytes must be a number that holds a code of ${this.#width} bytes`);
  }

  /** Codes held. */
  get rows(): number {
    return this.#blocks.reduce((sum, block) => sum + block.rows, 0);
  }

  /**
   * @param codes - Any number of codes one after another, copied. Their rows follow on those that are held.
   * @throws Fault CODE_MALFORMED, INDEX_FULL.
   */
  add(codes: Uint8Array): void {
    if (codes.length % this.#width !== 0)
      throw codeFault("CODE_MALFORMED", `codes to add have ${codes.length} bytes, no multiple of ${this.#width}`);
    for (let at = 0; at < codes.length;) {
      const last = this.#blocks.at(-1);
      const block = last && last.rows < this.#blockRows ? last : new HammingBlock(this.#width);
      const end = at + (this.#blockRows - block.rows) * this.#width;
      block.append(codes.subarray(at, end));
      if (block !== last) this.#blocks.push(block);
      at = end;
    }
  }

  /**
   * The k nearest codes, nearest first, equally distant ones in the order of their rows; all when there are not more.
   *
   * @param k - 1 or more.
   * @throws Fault CODE_MALFORMED, INDEX_FULL.
   */
  search(code: Uint8Array, k: number): HammingNeighbour[] {
    if (!Number.isInteger(k) || k < 1) throw new TypeError(`search: k is ${String(k)}, expected a whole number from 1`);
    if (code.length !== this.#width)
      throw codeFault("CODE_MALFORMED", `a code to search for has ${code.length} bytes, expected ${this.#width}`);
    const candidates = this.#blocks.flatMap((block, i) =>
      block.candidates(code, k).map(({ row, distance }) => ({ row: i * this.#blockRows + row, distance })),
    );
    return candidates.sort((a, b) => a.distance - b.distance).slice(0, k);
  }
}
