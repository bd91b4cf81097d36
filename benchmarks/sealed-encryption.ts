import { CapriseKey } from "../crypto/index.ts";
import { type Row, type Times, against, formatNumber, measure, median, noted } from "./measure.ts";
import { unitVectors } from "./vectors.ts";

const DIM = 768;
const ROWS = 1000;
const ROUNDS = 11;
const VECTORS = "vectors/s";
const SECRET = new Uint8Array(32).fill(3);

/** CAPRISE on this thread, as a collection's owner uses it, against normalising the same vectors. */
export async function encryptionRows(): Promise<Row[]> {
  const vectors = unitVectors(ROWS, DIM).map((entry) => entry * (1 - 1e-6));
  const rows = Array.from({ length: ROWS }, (_, row) => ({
    rowId: String(row),
    version: 1,
    vector: vectors.subarray(row * DIM, (row + 1) * DIM),
  }));
  using lifted = new CapriseKey(SECRET, { dim: DIM, normMax: 1, scale: 1, beta: 1 });
  using rotated = new CapriseKey(SECRET, { dim: DIM, normMax: 1, scale: 1, beta: 1, rotation: true });
  const out = new Float32Array(ROWS * lifted.ciphertextDim);
  const normalised = new Float32Array(vectors.length);
  const times = await measure(
    {
      lifted: () => {
        lifted.encryptStoredInto(out, rows);
      },
      normalised: () => {
        normalise(vectors, normalised);
      },
      rotated: () => {
        rotated.encryptStoredInto(out, rows);
      },
      opened: () => {
        rotated.decryptStoredInto(normalised, rows, out);
      },
    },
    { rounds: ROUNDS },
  );
  const beside = (of: Times): Pick<Row, "opponent" | "ratio"> => ({
    opponent: `float32 normalisation: ${formatNumber(rate(times.normalised))} ${VECTORS}`,
    ratio: median(of) / median(times.normalised),
  });
  return [
    {
      ...against(`CAPRISE encryption, d = ${DIM}, one thread`, rate(times.lifted), VECTORS, ">= 30000", times.lifted),
      ...beside(times.lifted),
    },
    { ...noted("the same with rotation", rate(times.rotated), VECTORS, times.rotated), ...beside(times.rotated) },
    { ...noted("decryption, with rotation", rate(times.opened), VECTORS, times.opened), ...beside(times.opened) },
  ];
}

function rate(times: Times): number {
  return (1000 * ROWS) / median(times);
}

function normalise(vectors: Float32Array, out: Float32Array): void {
  for (let start = 0; start < vectors.length; start += DIM) {
    let squares = 0;
    for (let i = start; i < start + DIM; i++) squares += vectors[i]! * vectors[i]!;
    const scale = 1 / Math.sqrt(squares);
    for (let i = start; i < start + DIM; i++) out[i] = scale * vectors[i]!;
  }
}
