import { codeFault } from "./code-fault.ts";
import { hammingKernelBase64 } from "./kernels/hamming.generated.ts";

/** What kernels/hamming.as.ts exports; pointers are byte offsets into the instance's memory. */
interface HammingExports {
  heapBase(): number;
  scan(
    codes: number,
    rows: number,
    width: number,
    query: number,
    k: number,
    counts: number,
    distances: number,
    out: number,
  ): number;
}

/** A row and how far its code is from the one asked for. */
export interface HammingNeighbour {
  /** From 0, in the order in which codes were added. */
  readonly row: number;
  /** Bits that differ. */
  readonly distance: number;
}

const GROUP = 16;
const PAGE_BYTES = 65_536;
/** Memory is taken a quarter more than there is, so that adding one by one does not grow it each time. */
const GROWTH = 1.25;

const module = new WebAssembly.Module(Uint8Array.from(atob(hammingKernelBase64), (char) => char.charCodeAt(0)));

/** Codes in a WebAssembly memory of their own, in the order that the kernel reads; behind them, while it searches, what it finds. */
export class HammingBlock {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #exports: HammingExports;
  readonly #width: number;
  readonly #query: number;
  readonly #counts: number;
  readonly #distances: number;
  readonly #codes: number;
  #rows = 0;

  /** @param width - Bytes of a code, a multiple of 8. */
  constructor(width: number) {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    this.#exports = exports as unknown as HammingExports;
    this.#width = width;
    this.#query = this.#exports.heapBase();
    this.#distances = this.#query + GROUP * width;
    this.#counts = this.#distances + 2 * GROUP;
    this.#codes = this.#counts + Math.ceil((4 * (8 * width + 1)) / GROUP) * GROUP;
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * @param codes - Shape [rows][width], copied.
   * @throws Fault INDEX_FULL.
   */
  append(codes: Uint8Array): void {
    const [width, first] = [this.#width, this.#rows];
    const added = codes.length / width;
    this.#reserve(this.#end(first + added));
    const bytes = new Uint8Array(this.#memory.buffer);
    for (let i = 0; i < added; i++) {
      let to = this.#codes + ((first + i) >>> 4) * GROUP * width + ((first + i) & 15);
      for (let from = i * width; from < (i + 1) * width; from++, to += GROUP) bytes[to] = codes[from]!;
    }
    this.#rows += added;
  }

  /**
   * @returns Rows in rising order, among them the k nearest, of equally distant ones the first; all where there are not more.
   * @throws Fault INDEX_FULL.
   */
  candidates(code: Uint8Array, k: number): HammingNeighbour[] {
    const [rows, width] = [this.#rows, this.#width];
    const bits = 8 * width;
    const out = this.#end(rows);
    this.#reserve(out + 8 * Math.min(rows, k * (bits + 1)));
    const { buffer } = this.#memory;
    const query = new Uint8Array(buffer, this.#query, GROUP * width);
    code.forEach((byte, i) => query.fill(byte, GROUP * i, GROUP * (i + 1)));
    new Uint32Array(buffer, this.#counts, bits + 1).fill(0);
    const count = this.#exports.scan(
      this.#codes,
      rows,
      width,
      this.#query,
      Math.min(k, rows + 1),
      this.#counts,
      this.#distances,
      out,
    );
    const found = new Uint32Array(buffer, out, 2 * count);
    return Array.from({ length: count }, (_, i) => ({ row: found[2 * i]!, distance: found[2 * i + 1]! }));
  }

  /** Where what follows `rows` codes begins. */
  #end(rows: number): number {
    return this.#codes + Math.ceil(rows / GROUP) * GROUP * this.#width;
  }

  #reserve(bytes: number): void {
    const held = this.#memory.buffer.byteLength;
    if (bytes <= held) return;
    const pages = (wanted: number): number => Math.ceil((wanted - held) / PAGE_BYTES);
    try {
      this.#memory.grow(pages(Math.max(bytes, GROWTH * held)));
    } catch {
      try {
        this.#memory.grow(pages(bytes));
      } catch {
        throw codeFault("INDEX_FULL", `no memory for ${bytes} bytes of codes; search fewer at once, or shorter ones`);
      }
    }
  }
}
