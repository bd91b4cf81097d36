// WebAssembly SIMD kernel of the search by Hamming distance. Compiled by scripts/build-kernels.mjs; reference-search.ts is the plain TypeScript
// that the tests compare it with.
//
// Codes lie in groups of sixteen rows, byte by byte: byte 0 of all sixteen, then byte 1, and so on. So one instruction treats a byte of each, sums
// need not be gathered from the lanes of a vector, and sixteen distances meet the limit in one comparison.

/** First byte the caller may use. */
export function heapBase(): usize {
  return (__heap_base + 15) & ~15;
}

@inline
function differing(codes: usize, query: usize): v128 {
  return i8x16.popcnt(v128.xor(v128.load(codes), v128.load(query)));
}

/** Bits in which bytes 0..7 of sixteen codes differ from the query's: at most 64 a row, so bytes hold them. */
@inline
function differingInEight(codes: usize, query: usize): v128 {
  const a = i8x16.add(differing(codes, query), differing(codes + 16, query + 16));
  const b = i8x16.add(differing(codes + 32, query + 32), differing(codes + 48, query + 48));
  const c = i8x16.add(differing(codes + 64, query + 64), differing(codes + 80, query + 80));
  const d = i8x16.add(differing(codes + 96, query + 96), differing(codes + 112, query + 112));
  return i8x16.add(i8x16.add(a, b), i8x16.add(c, d));
}

/**
 * Lists the rows that may be among the k nearest, in the order of rows: every row that is nearer than the k-th nearest of the rows before it, so
 * that of equally distant rows the first remain.
 *
 * @param codes - `rows` codes, in groups of sixteen; what the last one lacks is not read as rows.
 * @param width - Bytes of a code, a multiple of 8.
 * @param query - Every byte of the query sixteen times.
 * @param counts - u32[8 width + 1], zero: afterwards, how many listed rows have each distance.
 * @param distances - Room for 16 u16.
 * @param out - Room for the list: u32 row, u32 distance. A distance is listed at most k times above the final limit.
 * @returns How many are listed.
 */
export function scan(codes: usize, rows: u32, width: u32, query: usize, k: u32, counts: usize, distances: usize, out: usize): u32 {
  let limit: u32 = (width << 3) + 1;
  let limits = i16x8.splat(<i16>limit);
  let below: u32 = 0;
  const first = out;
  for (let row: u32 = 0; row < rows; row += 16) {
    let low = i16x8.splat(0);
    let high = i16x8.splat(0);
    for (let byte: u32 = 0; byte < width; byte += 8, codes += 128) {
      const sums = differingInEight(codes, query + (byte << 4));
      low = i16x8.add(low, i16x8.extend_low_i8x16_u(sums));
      high = i16x8.add(high, i16x8.extend_high_i8x16_u(sums));
    }
    let near = <u32>i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.lt_s(low, limits), i16x8.lt_s(high, limits)));
    if (near == 0) continue;
    v128.store(distances, low);
    v128.store(distances, high, 16);
    for (; near != 0; near &= near - 1) {
      const lane = ctz(near);
      const distance = <u32>load<u16>(distances + (lane << 1));
      if (distance >= limit || row + lane >= rows) continue;
      store<u32>(out, row + lane);
      store<u32>(out, distance, 4);
      out += 8;
      const count = counts + (distance << 2);
      store<u32>(count, load<u32>(count) + 1);
      ++below;
      // Down to the distance of the k-th nearest so far.
      while (below >= k) below -= load<u32>(counts + (--limit << 2));
    }
    limits = i16x8.splat(<i16>limit);
  }
  return <u32>((out - first) >> 3);
}
