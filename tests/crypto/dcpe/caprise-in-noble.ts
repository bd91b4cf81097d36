import { chacha20 } from "@noble/ciphers/chacha.js";
import { blake2b } from "@noble/hashes/blake2.js";

/*
 * CAPRISE a second time, from the descriptions in crypto/dcpe: other implementations of BLAKE2b and ChaCha20, the engine's logarithm, sine and
 * cosine, and the rotation as matrices. Shares no code with the first.
 */

export interface Parameters {
  readonly dim: number;
  readonly scale: number;
  readonly beta: number;
  readonly rotation?: boolean;
  readonly normMax?: number;
}

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function littleEndian(bytes: number, write: (buffer: Buffer) => void): Uint8Array {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return new Uint8Array(buffer);
}

const u64 = (value: number): Uint8Array => littleEndian(8, (buffer) => buffer.writeBigUInt64LE(BigInt(value)));

/** BLAKE2b-256 over each part behind its length. */
function derive(key: Uint8Array, label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const framed = [text(label), ...parts].flatMap((part) => [u64(part.length), part]);
  return blake2b(concat(...framed), { dkLen: 32, key });
}

/** ChaCha20 under the nonce of libsodium's randombytes_buf_deterministic. */
function streamOf(seed: Uint8Array, bytes: number): Buffer {
  return Buffer.from(chacha20(seed, text("LibsodiumDRG"), new Uint8Array(bytes)));
}

/** (top 27 bits of the first word, top 26 of the second, plus one) / 2^53. */
function uniformAt(stream: Buffer, offset: number): number {
  const bits =
    (BigInt(stream.readUInt32LE(offset)) >> 5n) * 2n ** 26n + (BigInt(stream.readUInt32LE(offset + 4)) >> 6n);
  return Number(bits + 1n) / 2 ** 53;
}

function gaussiansAt(stream: Buffer, offset: number, count: number): number[] {
  const out: number[] = [];
  for (let at = offset; out.length < count; at += 8) {
    const radius = Math.sqrt(-2 * Math.log((stream.readUInt32LE(at) + 0.5) / 2 ** 32));
    const word = stream.readInt32LE(at + 4);
    const mirrored = (word & 2) !== 0;
    const within = ((Math.floor(word / 4) + 0.5) / 2 ** 30) * (Math.PI / 2);
    const angle = (mirrored ? Math.PI / 2 - within : within) + (word & 1 ? Math.PI : 0);
    out.push(radius * Math.cos(angle), radius * Math.sin(angle));
  }
  return out.slice(0, count);
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? NaN), 0);

function withNorm(vector: readonly number[], norm: number): number[] {
  const factor = norm / Math.sqrt(dot(vector, vector));
  return vector.map((x) => x * factor);
}

/** Uniform in a ball: radius u^(1/d) n / ||n||. */
export function ballNoiseInNoble(seed: Uint8Array, radius: number, dim: number): number[] {
  const stream = streamOf(seed, 8 + 8 * Math.ceil(dim / 2));
  return withNorm(gaussiansAt(stream, 8, dim), radius * Math.exp(Math.log(uniformAt(stream, 0)) / dim));
}

/** Radius Gamma(d, 1 / epsilon), uniform direction. */
export function distanceNoiseInNoble(seed: Uint8Array, epsilon: number, dim: number): number[] {
  const stream = streamOf(seed, 8 * dim + 8 * Math.ceil(dim / 2));
  let sum = 0;
  for (let i = 0; i < dim; i++) sum += -Math.log(uniformAt(stream, 8 * i));
  return withNorm(gaussiansAt(stream, 8 * dim, dim), sum / epsilon);
}

const HADAMARD = [
  [1, 1, 1, 1],
  [1, -1, 1, -1],
  [1, 1, -1, -1],
  [1, -1, -1, 1],
];

const identity = (dim: number): number[][] =>
  Array.from({ length: dim }, (_, row) => Array.from({ length: dim }, (_, column) => (row === column ? 1 : 0)));

const multiply = (a: readonly number[][], b: readonly number[][]): number[][] =>
  a.map((row) => b.map((_, column) => row.reduce((sum, x, i) => sum + x * (b[i]?.[column] ?? NaN), 0)));

/** Half of Hadamard's matrix on each of these foursomes of coordinates, the identity elsewhere. */
function mixing(dim: number, foursomes: readonly number[][]): number[][] {
  const matrix = identity(dim);
  for (const four of foursomes)
    for (const [i, row] of four.entries())
      for (const [j, column] of four.entries()) (matrix[row] ?? [])[column] = (HADAMARD[i]?.[j] ?? NaN) / 2;
  return matrix;
}

function roundMatrix(key: Uint8Array, round: number, dim: number): number[][] {
  const seed = derive(
    key,
    "sotto rotation",
    littleEndian(4, (buffer) => buffer.writeUInt32LE(round)),
  );
  const stream = streamOf(seed, 9 * dim);
  const order = Array.from({ length: dim }, (_, i) => i);
  for (let i = dim - 1; i >= 0; i--) {
    const j = Math.ceil(uniformAt(stream, 8 * i) * (i + 1)) - 1;
    const [a, b] = [order[i] ?? NaN, order[j] ?? NaN];
    [order[i], order[j]] = [b, a];
  }
  const permuted = order.map((from, row) =>
    Array.from({ length: dim }, (_, column) => (column === from ? ((stream[8 * dim + row] ?? 0) & 1 ? -1 : 1) : 0)),
  );
  const quarter = Math.floor(dim / 4);
  const fours = Array.from({ length: quarter }, (_, i) => i);
  const neighbours = mixing(
    dim,
    fours.map((i) => [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]),
  );
  const quarters = mixing(
    dim,
    fours.map((i) => [i, i + quarter, i + 2 * quarter, i + 3 * quarter]),
  );
  return multiply(quarters, multiply(neighbours, permuted));
}

/** The rotation as a matrix [dim][dim]. */
export function rotationInNoble(key: Uint8Array, dim: number): number[][] {
  return [0, 1, 2, 3].reduce((matrix, round) => multiply(roundMatrix(key, round, dim), matrix), identity(dim));
}

function rootOf(secret: Uint8Array, { dim, scale, beta, rotation, normMax }: Parameters): Uint8Array {
  const numbers = [dim, scale, beta, rotation ? 1 : 0, normMax ?? 0];
  return derive(secret, "sotto caprise", concat(...numbers.map((x) => littleEndian(8, (b) => b.writeDoubleLE(x)))));
}

function scaledRotated(root: Uint8Array, parameters: Parameters, lifted: readonly number[]): number[] {
  const key = derive(root, "sotto caprise rotation");
  const rotated = parameters.rotation ? rotationInNoble(key, lifted.length).map((row) => dot(row, lifted)) : lifted;
  return rotated.map((x) => parameters.scale * x);
}

const add = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x + (b[i] ?? NaN));

export function encryptStoredInNoble(
  secret: Uint8Array,
  parameters: Parameters,
  { rowId, version, vector }: { readonly rowId: string; readonly version: number; readonly vector: readonly number[] },
): number[] {
  const { scale, beta, normMax } = parameters;
  const root = rootOf(secret, parameters);
  const squares = dot(vector, vector);
  const lifted = normMax === undefined ? vector : [...vector, Math.sqrt((normMax * 1.0002) ** 2 - squares)];
  const noise = ballNoiseInNoble(
    derive(root, "sotto caprise stored", text(rowId), u64(version)),
    (3 * scale * beta) / 8,
    lifted.length,
  );
  return add(scaledRotated(root, parameters, lifted), noise);
}

export function encryptQueryInNoble(
  secret: Uint8Array,
  parameters: Parameters,
  {
    nonce,
    epsilon,
    vector,
  }: { readonly nonce: Uint8Array; readonly epsilon?: number; readonly vector: readonly number[] },
): number[] {
  const { scale, beta, normMax } = parameters;
  const root = rootOf(secret, parameters);
  const perturbed =
    epsilon === undefined
      ? vector
      : add(vector, distanceNoiseInNoble(derive(nonce, "sotto distance dp"), epsilon, vector.length));
  const lifted = normMax === undefined ? perturbed : [...perturbed, 0];
  const noise = ballNoiseInNoble(derive(root, "sotto caprise query", nonce), (scale * beta) / 8, lifted.length);
  return add(scaledRotated(root, parameters, lifted), noise);
}
