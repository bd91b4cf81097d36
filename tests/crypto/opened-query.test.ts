import { beforeAll, describe, expect, test } from "@jest/globals";
import { LocalShard, RlweIndex, WasmKernels, ringLayout, scoreErrorMax, sodium } from "../../crypto/index.ts";
import { queryPolynomial } from "../../crypto/rlwe/block-layout.ts";
import { interleaveChunk } from "../../crypto/rlwe/kernels.ts";
import { MODULUS, MODULUS_BITS, RING_DEGREE } from "../../crypto/rlwe/parameters.ts";
import { publicPolynomial } from "../../crypto/rlwe/public-randomness.ts";
import { OpenedQuery, RlweAsker } from "../../crypto/secret/index.ts";

const DIM = 64;
const layout = ringLayout({ dim: DIM, chunk: 16, normMax: 1, scoreBits: 14, seed: new Uint8Array(32).fill(5) });
const kernels = new WasmKernels({ chunks: 1 });
const index = new RlweIndex(layout, { openShard: () => new LocalShard(layout, new Uint8Array(32).fill(9)) });
const unit = (entries: Float32Array): Float32Array => entries.map((entry) => entry / Math.hypot(...entries));
const row = (slot: number): Float32Array =>
  unit(Float32Array.from({ length: DIM }, (_, i) => Math.cos(3 * slot + i * i + slot * i)));
const question = row(1000);
const exact = (slot: number): number => row(slot).reduce((sum, entry, i) => sum + entry * question[i]!, 0);
const rows = Array.from({ length: layout.rowsPerBlock }, (_, slot) => ({ slot, vector: row(slot) }));

beforeAll(async () => {
  await index.stage(0, rows);
  index.commit();
});

async function honest() {
  const asker = new RlweAsker(layout, { poolSize: 0 });
  const { query, secrets } = await asker.ask(question);
  return { query, secrets, secret: secrets.reveal()! };
}

const read = async (opened: OpenedQuery, query: Uint8Array): Promise<Float32Array> =>
  opened.read(index.describe(0)!, (await index.answer(query)).scores);

describe("a query that is opened again", () => {
  test("reads what the querier has read", async () => {
    const { query, secrets, secret } = await honest();
    using opened = OpenedQuery.open(layout, query, { secret, embedding: question })!;
    const { scores } = await index.answer(query);
    expect(await read(opened, query)).toEqual(secrets.read("p", index.describe(0)!, scores));
    secrets[Symbol.dispose]();
    expect(() => secrets.reveal()).toThrow(TypeError);
  });

  test("opens with its own secret and question alone", async () => {
    const { query, secret } = await honest();
    const other = await honest();
    const claims = {
      "another secret": { secret: other.secret, embedding: question },
      "one sign changed": { secret: secret.with(7, secret[7] === 0 ? 1 : 0), embedding: question },
      "a secret that is not ternary": { secret: secret.with(7, 2), embedding: question },
      "too short a secret": { secret: secret.subarray(1), embedding: question },
      "another question": { secret, embedding: row(3) },
      "one entry changed by 1/1000": { secret, embedding: question.with(2, question[2]! - 0.001) },
      "a question that is too long": { secret, embedding: question.map((entry) => 2 * entry) },
    };
    for (const [id, claim] of Object.entries(claims))
      expect([id, OpenedQuery.open(layout, query, claim)]).toEqual([id, null]);
    expect(OpenedQuery.open(layout, other.query, { secret, embedding: question })).toBeNull();
    expect(OpenedQuery.open(layout, query.subarray(1), { secret, embedding: question })).toBeNull();
    expect(OpenedQuery.open(layout, query.fill(0xff), { secret, embedding: question })).toBeNull();
  });

  /** An encryption by a querier that knows the party's rows and chooses the error so that slot 0's score comes out as high as it can. */
  function biased(errorMax: number): { query: Uint8Array; secret: Int8Array } {
    const secret = Int8Array.from(sodium.randombytes_buf(RING_DEGREE), (byte) => (byte % 3) - 1);
    const s = Uint32Array.from(secret, (entry) => (entry < 0 ? MODULUS - 1 : entry));
    kernels.forwardNtt(s);
    const residues = new Uint32Array(layout.chunks * RING_DEGREE);
    for (let j = 0; j < layout.chunks; j++) {
      const sum = queryPolynomial(question, j, layout);
      for (let i = 0; i < RING_DEGREE; i++) {
        // Coefficient c - 1 of P_j e_j has e_j[i] times P_j[c - 1 - i], which is negated where it wraps around.
        const [at, sign] = i < layout.chunk ? [layout.chunk - 1 - i, 1] : [RING_DEGREE + layout.chunk - 1 - i, -1];
        const [slot, k] = [Math.floor(at / layout.chunk), layout.chunk - 1 - (at % layout.chunk)];
        const factor = sign * row(slot)[j * layout.chunk + k]!;
        sum[i] = (sum[i]! + MODULUS + Math.sign(factor) * errorMax) % MODULUS;
      }
      kernels.forwardNtt(sum);
      const masked = kernels.multiplyAccumulate(publicPolynomial(layout.seed, j), s, 1);
      interleaveChunk(
        sum.map((value, i) => (value + MODULUS - masked[i]!) % MODULUS),
        j,
        layout.chunks,
        residues,
      );
    }
    return { query: kernels.packBits(residues, { stride: 1, count: residues.length, bits: MODULUS_BITS }), secret };
  }

  test("an error made for the party's rows raises its honest score by more than chance could, and less than is allowed for", async () => {
    const { query, secret } = biased(20);
    using opened = OpenedQuery.open(layout, query, { secret, embedding: question })!;
    const excess = (await read(opened, query))[0]! - exact(0);
    expect(excess).toBeGreaterThan(3 * scoreErrorMax(layout));
    expect(excess).toBeLessThan(opened.scoreErrorMax);
  });

  test("an error that no honest querier draws does not open it", () => {
    const { query, secret } = biased(33);
    expect(OpenedQuery.open(layout, query, { secret, embedding: question })).toBeNull();
  });
});
