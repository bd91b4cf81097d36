import { randomBytes } from "@noble/hashes/utils.js";
import { derive, stream, u32 } from "./primitives.ts";

/* docs/protocol.md, "Encrypted scoring": the querier. Slow and plain. */

const N = 2048;
const Q = 2147389441;
type Polynomial = readonly number[];

const modulo = (value: number): number => ((value % Q) + Q) % Q;
const times = (a: number, b: number): number => Number((BigInt(a) * BigInt(b)) % BigInt(Q));
function power(base: number, exponent: number): number {
  if (exponent === 0) return 1;
  const root = power(base, Math.floor(exponent / 2));
  return exponent % 2 === 0 ? times(root, root) : times(times(root, root), base);
}

function smallestRoot(): number {
  let root = 2;
  for (let base = 2; power(root, N) !== Q - 1; base++) root = power(base, (Q - 1) / (2 * N));
  return Math.min(...Array.from({ length: N }, (_, i) => power(root, 2 * i + 1)));
}
const PSI = smallestRoot();
const POWERS = [1];
for (let i = 1; i < 2 * N; i++) POWERS.push(times(POWERS[i - 1]!, PSI));
const HALF = (Q + 1) / 2;

/** The values of f, of which X^n - psi^exponent is taken modulo, at its roots; the default is X^N + 1. */
export function transform(f: Polynomial, exponent = N): number[] {
  const half = f.length / 2;
  if (half < 1) return [...f];
  const root = POWERS[exponent / 2]!;
  const [low, high] = [f.slice(0, half), f.slice(half).map((x) => times(x, root))];
  return [
    ...transform(
      low.map((x, i) => modulo(x + high[i]!)),
      exponent / 2,
    ),
    ...transform(
      low.map((x, i) => modulo(x - high[i]!)),
      exponent / 2 + N,
    ),
  ];
}

export function inverse(values: Polynomial, exponent = N): number[] {
  const half = values.length / 2;
  if (half < 1) return [...values];
  const [plus, minus] = [inverse(values.slice(0, half), exponent / 2), inverse(values.slice(half), exponent / 2 + N)];
  const unroot = times(HALF, POWERS[2 * N - exponent / 2]!);
  return [
    ...plus.map((x, i) => times(modulo(x + minus[i]!), HALF)),
    ...plus.map((x, i) => times(modulo(x - minus[i]!), unroot)),
  ];
}

export function pack(numbers: readonly number[], bits: number): Uint8Array {
  const out = new Uint8Array(Math.ceil((numbers.length * bits) / 8));
  numbers.forEach((number, i) => {
    for (let bit = 0; bit < bits; bit++)
      out[(i * bits + bit) >> 3]! |= ((number >>> bit) & 1) << ((i * bits + bit) & 7);
  });
  return out;
}

export function unpack(bytes: Uint8Array, bits: number): number[] {
  return Array.from({ length: Math.floor((bytes.length * 8) / bits) }, (_, i) => {
    let number = 0;
    for (let bit = 0; bit < bits; bit++)
      number += ((bytes[(i * bits + bit) >> 3]! >> ((i * bits + bit) & 7)) & 1) * 2 ** bit;
    return number;
  });
}

export function publicRandomness(seed: Uint8Array, j: number): number[] {
  const a: number[] = [];
  for (let counter = 0; a.length < N; counter++) {
    const bytes = Buffer.from(stream(derive(seed, "sotto rlwe a", u32(j), u32(counter)), 8448));
    for (let at = 0; at < bytes.length; at += 4) {
      const number = bytes.readUInt32LE(at) & 0x7fff_ffff;
      if (number < Q && a.length < N) a.push(number);
    }
  }
  return a;
}

export interface ScoringTerms {
  readonly dim: number;
  readonly chunk: number;
  readonly normMax: number;
  readonly scoreBits: number;
  readonly seed: Uint8Array;
}

const random = (): number => Buffer.from(randomBytes(4)).readUInt32LE() / 2 ** 32;

/** A question's key. Secrets and errors of a test: of the right shape, from a source that nobody has looked at for this purpose. */
export class QuestionKey {
  readonly #terms: ScoringTerms;
  readonly #scales: { readonly data: number; readonly query: number };
  readonly #secret: Polynomial;

  constructor(terms: ScoringTerms) {
    const { chunk, normMax } = terms;
    this.#terms = terms;
    const data = Math.sqrt(Q / Math.sqrt(12) / (3.2 * Math.sqrt(N / chunk) * 2.2)) / normMax;
    this.#scales = { data, query: Q / (2.2 * data * normMax) };
    this.#secret = transform(Array.from({ length: N }, () => modulo(Math.floor(3 * random()) - 1)));
  }

  encrypt(vector: readonly number[]): Uint8Array {
    const { dim, chunk, seed } = this.#terms;
    const m = Math.ceil(dim / chunk);
    const residues = new Array<number>(m * N);
    for (let j = 0; j < m; j++) {
      const a = publicRandomness(seed, j);
      const text = Array.from({ length: N }, (_, k) => {
        const entry = k < chunk ? Math.round(this.#scales.query * (vector[j * chunk + k] ?? 0)) : 0;
        const error = 3.2 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
        return modulo(entry + Math.round(error));
      });
      transform(text).forEach((value, i) => {
        residues[((i >> 3) * m + j) * 8 + (i & 7)] = modulo(value - times(a[i]!, this.#secret[i]!));
      });
    }
    return pack(residues, 31);
  }

  /** @returns Inner products, one a row of the block; those of empty rows mean nothing. */
  read(scores: Uint8Array, hint: Uint8Array): number[] {
    const { chunk, scoreBits } = this.#terms;
    const product = inverse(unpack(hint, 31).map((value, i) => times(value, this.#secret[i]!)));
    const cut = 31 - scoreBits;
    return unpack(scores, scoreBits).map((number, row) => {
      const sum = modulo(number * 2 ** cut + (cut === 0 ? 0 : 2 ** (cut - 1)) + product[row * chunk + chunk - 1]!);
      return (sum > Q / 2 ? sum - Q : sum) / (this.#scales.data * this.#scales.query);
    });
  }
}
