import { ringKernelBase64 } from "./kernels/ring.generated.ts";
import { nttTables } from "./ntt-tables.ts";
import { RING_DEGREE } from "./parameters.ts";

/** What kernels/ring.as.ts exports; pointers are byte offsets into the instance's memory. */
export interface RingExports {
  heapBase(): number;
  forwardNtt(poly: number, roots: number, rootsShoup: number): void;
  inverseNtt(poly: number, roots: number, rootsShoup: number, degreeInverse: number, degreeInverseShoup: number): void;
  multiplyAccumulate(block: number, query: number, chunks: number, out: number): void;
  addResidues(x: number, y: number, count: number, out: number): void;
  interleave(poly: number, chunk: number, chunks: number, out: number): void;
  packBits(values: number, stride: number, count: number, bits: number, out: number): void;
  unpackBits(bytes: number, count: number, bits: number, out: number): void;
  areResidues(values: number, count: number): number;
  weighedSums(x: number, y: number, weights: number, weightsShoup: number, width: number, out: number): void;
  inverseLayers(poly: number, degree: number, inverseRoots: number, inverseRootsShoup: number): void;
  layChunk(rows: number, rowCount: number, dim: number, chunk: number, width: number, out: number): void;
  splitResidues(at: number, count: number): void;
  prepareQuery(query: number, chunks: number, weights: number, weightsShoup: number, out: number): void;
  accumulate(
    blocks: number,
    blockCount: number,
    queries: number,
    queryStride: number,
    queryCount: number,
    outputs: number,
    steps: number,
    out: number,
  ): void;
  finishScores(
    sums: number,
    count: number,
    degree: number,
    inverseRoots: number,
    inverseRootsShoup: number,
    bits: number,
    out: number,
  ): void;
}

/** An instance with a memory of its own that never grows, so that views into it stay valid. */
export interface RingInstance {
  readonly exports: RingExports;
  readonly memory: WebAssembly.Memory;
  /** The tables of {@link nttTables}, in memory. */
  readonly tables: {
    readonly roots: number;
    readonly rootsShoup: number;
    readonly inverseRoots: number;
    readonly inverseRootsShoup: number;
  };
  /** Where the caller's bytes begin; a multiple of 16. */
  readonly heap: number;
}

export const POLY_BYTES = RING_DEGREE * 4;
const PAGE_BYTES = 65_536;

const module = new WebAssembly.Module(Uint8Array.from(atob(ringKernelBase64), (char) => char.charCodeAt(0)));

/** @param heapBytes - Bytes the caller will use from `heap` on. */
export function instantiateRing(heapBytes: number): RingInstance {
  const bytes = PAGE_BYTES + 4 * POLY_BYTES + heapBytes;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as RingExports;
  const [roots, rootsShoup, inverseRoots, inverseRootsShoup] = [0, 1, 2, 3].map(
    (i) => exports.heapBase() + i * POLY_BYTES,
  ) as [number, number, number, number];
  const tables = { roots, rootsShoup, inverseRoots, inverseRootsShoup };
  for (const name of ["roots", "rootsShoup", "inverseRoots", "inverseRootsShoup"] as const)
    new Uint32Array(memory.buffer, tables[name], RING_DEGREE).set(nttTables[name]);
  return { exports, memory, tables, heap: inverseRootsShoup + POLY_BYTES };
}
