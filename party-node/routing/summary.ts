import { setImmediate as breathe } from "node:timers/promises";
import { hexOf } from "../../crypto/index.ts";
import { limits } from "../../protocol/index.ts";

export const CODE_BYTES = limits.routingCodeBytes;
/** Bits of a code that parties are ranked by. */
export const ROUTING_BITS = 8 * CODE_BYTES;
const WORDS = ROUTING_BITS / 32;

/** What a party shows of its passages so that queriers can tell whether it is worth asking. */
export interface Summary {
  /** Codes of {@link CODE_BYTES} each, none that of a single passage. */
  readonly prototypes: readonly Uint8Array[];
  /** How many passages each stands for; same length. */
  readonly passages: readonly number[];
}

export interface SummariseOptions {
  /** At most; fewer where there are not rows enough. */
  readonly prototypesMax: number;
  /** Different codes behind every prototype, at least. */
  readonly codesMin: number;
}

/** A prototype is worth this many of the fewest codes it may stand for, on average. */
const CODES_PER_PROTOTYPE = 3;
const ROUNDS_MAX = 12;

/** Codes side by side as 32-bit words, shape [count][WORDS]. */
interface Packed {
  readonly words: Uint32Array;
  readonly count: number;
}

/**
 * k-majority clustering (Grana et al., "A fast approach for integrating ORB descriptors in the bag of words model", 2013): as k-means, with Hamming distances, a
 * centre's bit being what most of its codes have. It starts at codes that lie evenly in their sorted order, so the same codes give the same summary, whatever order
 * they come in; a second summary of the same passages would be a second look at them.
 *
 * Copies of one code count once when a prototype's codes are counted, so that a passage kept several times is not shown either.
 *
 * The event loop has its turn between the rounds.
 *
 * @param codes - {@link CODE_BYTES} each; not modified.
 * @returns No prototypes when there are fewer than `codesMin` different codes.
 */
export async function summarise(
  codes: readonly Uint8Array[],
  { prototypesMax, codesMin }: SummariseOptions,
): Promise<Summary> {
  const copies = new Map<string, number>();
  for (const code of codes) {
    const key = hexOf(code);
    copies.set(key, (copies.get(key) ?? 0) + 1);
  }
  const different = [...copies.keys()].sort();
  const points = pack(different.map((hex) => Buffer.from(hex, "hex")));
  const wanted = Math.min(prototypesMax, Math.floor(points.count / (CODES_PER_PROTOTYPE * codesMin)) || 1);
  let centres = spread(points, points.count < codesMin ? 0 : wanted);
  let labels = nearest(points, centres);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    await breathe();
    const moved = majorities(points, labels, centres);
    const now = nearest(points, moved);
    const settled = now.every((label, i) => label === labels[i]);
    [centres, labels] = [moved, now];
    if (settled) break;
  }
  while (centres.count > 0) {
    const counts = countsOf(labels, centres.count);
    const least = counts.indexOf(Math.min(...counts));
    // What it has is shared out among the others, whose bits are then taken anew: a code's own bits never stay a prototype's.
    if (counts[least]! >= codesMin) break;
    await breathe();
    centres = without(centres, least);
    labels = nearest(points, centres);
    centres = majorities(points, labels, centres);
  }
  const passages = new Array<number>(centres.count).fill(0);
  labels.forEach((label, i) => (passages[label]! += copies.get(different[i]!)!));
  return { prototypes: unpack(centres), passages };
}

/** Distance of every prototype from a code. @param code - {@link CODE_BYTES}. */
export function distances(code: Uint8Array, { prototypes }: Summary): number[] {
  const [question, all] = [pack([code]), pack(prototypes)];
  return Array.from({ length: all.count }, (_, i) => distance(question, 0, all, i));
}

function pack(codes: readonly Uint8Array[]): Packed {
  const words = new Uint32Array(codes.length * WORDS);
  const bytes = new Uint8Array(words.buffer);
  codes.forEach((code, i) => {
    bytes.set(code, i * CODE_BYTES);
  });
  return { words, count: codes.length };
}

function unpack({ words, count }: Packed): Uint8Array[] {
  const bytes = new Uint8Array(words.buffer);
  return Array.from({ length: count }, (_, i) => bytes.slice(i * CODE_BYTES, (i + 1) * CODE_BYTES));
}

function spread({ words, count }: Packed, wanted: number): Packed {
  const chosen = new Uint32Array(wanted * WORDS);
  for (let i = 0; i < wanted; i++) {
    const at = Math.floor(((i + 0.5) * count) / wanted);
    chosen.set(words.subarray(at * WORDS, (at + 1) * WORDS), i * WORDS);
  }
  return { words: chosen, count: wanted };
}

/** The nearest centre of each point; of several the first. All 0 where there is no centre. */
function nearest(points: Packed, centres: Packed): Uint16Array {
  const labels = new Uint16Array(points.count);
  for (let i = 0; i < points.count; i++) {
    let least = Infinity;
    for (let j = 0; j < centres.count; j++) {
      const away = distance(points, i, centres, j);
      if (away < least) [least, labels[i]] = [away, j];
    }
  }
  return labels;
}

/** What most of a centre's points have, bit by bit; a tie is a 0. A centre without points stays. */
function majorities(points: Packed, labels: Uint16Array, before: Packed): Packed {
  const ones = new Uint32Array(before.count * ROUTING_BITS);
  labels.forEach((label, i) => {
    if (before.count === 0) return;
    for (let bit = 0; bit < ROUTING_BITS; bit++)
      ones[label * ROUTING_BITS + bit]! += (points.words[i * WORDS + (bit >> 5)]! >>> (bit & 31)) & 1;
  });
  const counts = countsOf(labels, before.count);
  const words = before.words.slice();
  counts.forEach((count, label) => {
    if (count === 0) return;
    words.fill(0, label * WORDS, (label + 1) * WORDS);
    for (let bit = 0; bit < ROUTING_BITS; bit++)
      if (2 * ones[label * ROUTING_BITS + bit]! > count) words[label * WORDS + (bit >> 5)]! |= 1 << (bit & 31);
  });
  return { words, count: before.count };
}

function countsOf(labels: Uint16Array, count: number): number[] {
  const counts = new Array<number>(count).fill(0);
  if (count > 0) for (const label of labels) counts[label]!++;
  return counts;
}

function without({ words, count }: Packed, index: number): Packed {
  const rest = words.filter((_, at) => Math.floor(at / WORDS) !== index);
  return { words: rest, count: count - 1 };
}

function distance(a: Packed, i: number, b: Packed, j: number): number {
  let bits = 0;
  for (let word = 0; word < WORDS; word++) bits += bitsSet(a.words[i * WORDS + word]! ^ b.words[j * WORDS + word]!);
  return bits;
}

/** Set bits of 32 (Warren, "Hacker's Delight", figure 5-2). */
function bitsSet(word: number): number {
  word -= (word >>> 1) & 0x5555_5555;
  word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
