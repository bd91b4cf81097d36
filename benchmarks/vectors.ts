/**
 * Repeatable vectors of unit norm, the same in every process: shape [count][width].
 *
 * @param seed - Any whole number; another one gives other vectors.
 */
export function unitVectors(count: number, width: number, seed = 1): Float32Array {
  const all = new Float32Array(count * width);
  let state = scrambled(seed);
  for (let row = 0; row < count; row++) {
    const vector = all.subarray(row * width, (row + 1) * width);
    let squares = 0;
    for (let i = 0; i < width; i++) {
      // xorshift32; the sum of two is a triangle, near enough to an embedding's bell.
      let sum = 0;
      for (let k = 0; k < 2; k++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        sum += state;
      }
      vector[i] = sum;
      squares += sum * sum;
    }
    const scale = 1 / Math.sqrt(squares);
    for (let i = 0; i < width; i++) vector[i]! *= scale;
  }
  return all;
}

/** A state of xorshift32, never zero, far from that of the next seed (murmur3's finaliser). */
function scrambled(seed: number): number {
  let state = seed | 0;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return state ^ (state >>> 16) || 1;
}
