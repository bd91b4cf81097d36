import { decode, encode } from "cborg";
import type { Form } from "./target.ts";
import { changeTree, randomWord } from "./tree.ts";

/** What the fuzzer knows of a decoder beside its code. */
export interface Material {
  readonly form: Form;
  /** Names, types and other words of the seeds. */
  readonly words: readonly string[];
  /** Inputs to take pieces from. */
  readonly pool: readonly Uint8Array[];
  readonly bytesMax: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const CHANGES_MAX = 6;

/** A changed copy of an input: its structure for CBOR and JSON, mostly, and its bytes. */
export function mutate(input: Uint8Array, material: Material): Uint8Array {
  const { random, form, bytesMax } = material;
  let changed = input;
  const changes = 1 + Math.floor(random() ** 3 * CHANGES_MAX);
  for (let i = 0; i < changes; i++) {
    const structured = (form === "cbor" || form === "json") && random() < 0.7;
    changed = (structured ? changeStructure(changed, material) : null) ?? changeBytes(changed, material);
  }
  return changed.length > bytesMax ? changed.slice(0, bytesMax) : changed;
}

/** @returns Null for what cannot be parsed or written. */
function changeStructure(input: Uint8Array, { form, words, random }: Material): Uint8Array | null {
  const change = (value: unknown): unknown => changeTree(value, { random, words, withBytes: form === "cbor" });
  try {
    if (form === "cbor") return new Uint8Array(encode(change(decode(new Uint8Array(input)))));
    return new Uint8Array(Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(input).toString())))));
  } catch {
    return null;
  }
}

function changeBytes(input: Uint8Array, material: Material): Uint8Array {
  const { random, pool, words } = material;
  const at = below(random, input.length + 1);
  const length = 1 + below(random, Math.min(16, input.length + 1));
  const piece = input.subarray(at, at + length);
  const other = pool[below(random, pool.length)] ?? input;
  switch (below(random, 11)) {
    case 0:
      return overwritten(input, at, [(input[at] ?? 0) ^ (1 << below(random, 8))]);
    case 1:
      return overwritten(input, at, randomBytes(random, length));
    case 2:
      return overwritten(input, at, edge(random));
    case 3:
      return spliced(input, at, 0, randomBytes(random, length));
    case 4:
      return spliced(input, at, length, []);
    case 5:
      return spliced(input, at, 0, piece);
    case 6:
      return spliced(input, at, 0, repeated(piece, 2 ** below(random, 12)));
    case 7:
      return spliced(input, at, 0, Buffer.from(randomWord({ random, words })));
    case 8:
      return input.slice(0, at);
    case 9:
      return spliced(input, at, random() < 0.5 ? length : 0, someOf(other, random));
    default:
      return spliced(input, at, input.length, other.subarray(below(random, other.length + 1)));
  }
}

const below = (random: () => number, bound: number): number => Math.floor(random() * bound);

export function randomBytes(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => below(random, 256));
}

/** A number that decoders go wrong at, of one to eight bytes, either end first. */
function edge(random: () => number): Uint8Array {
  const width = 2 ** below(random, 4);
  const bytes = Buffer.alloc(8);
  const value = EDGES[below(random, EDGES.length)]!;
  bytes.writeUInt32LE(value, 0);
  if (value === 0xffff_ffff && random() < 0.5) bytes.fill(0xff);
  const number = bytes.subarray(0, width);
  return random() < 0.5 ? number : number.reverse();
}

function overwritten(input: Uint8Array, at: number, by: ArrayLike<number>): Uint8Array {
  const changed = input.slice();
  for (let i = 0; i < by.length && at + i < changed.length; i++) changed[at + i] = by[i]!;
  return changed;
}

function spliced(input: Uint8Array, at: number, removed: number, added: Uint8Array | readonly number[]): Uint8Array {
  const tail = input.subarray(Math.min(input.length, at + removed));
  const changed = new Uint8Array(at + added.length + tail.length);
  changed.set(input.subarray(0, at));
  changed.set(added, at);
  changed.set(tail, at + added.length);
  return changed;
}

function repeated(piece: Uint8Array, times: number): Uint8Array {
  return new Uint8Array(Buffer.concat(Array.from({ length: times }, () => piece)));
}

function someOf(bytes: Uint8Array, random: () => number): Uint8Array {
  const from = below(random, bytes.length);
  return bytes.subarray(from, from + 1 + below(random, 64));
}
