import { afterAll, describe, expect, test } from "@jest/globals";
import SEAL from "node-seal";
import { multiplyModulo } from "../../crypto/rlwe/ntt-tables.ts";
import { MODULUS, RING_DEGREE } from "../../crypto/rlwe/parameters.ts";
import { referenceKernels } from "../../crypto/rlwe/reference-kernels.ts";
import { WasmKernels } from "../../crypto/rlwe/wasm-kernels.ts";
import { generateSealKey } from "../../crypto/secret/seal.ts";
import { centred, expectSame, seeded } from "./support.ts";

const seal = await SEAL();
const handles = new DisposableStack();
afterAll(() => handles.dispose());

const wasm = new WasmKernels({ chunks: 1 });
const CIPHERTEXT_HEADER_BYTES = 113;
const POLY_BYTES = 8 * RING_DEGREE;

/** SEAL's own transforms on our modulus, applied to residues we choose: they are put into a ciphertext's uncompressed bytes. */
class SealTransforms {
  readonly #context = handles.use(this.#makeContext());
  readonly #evaluator = handles.use(new seal.Evaluator(this.#context));
  readonly #inNttForm: Uint8Array;
  readonly #inCoefficientForm: Uint8Array;

  constructor() {
    using ciphertext = this.#encryptZero();
    this.#inNttForm = this.#bytes(ciphertext);
    this.#evaluator.cipherTransformFromNttInplace(ciphertext);
    this.#inCoefficientForm = this.#bytes(ciphertext);
  }

  forward(poly: Uint32Array): Uint32Array {
    return this.#run(this.#inCoefficientForm, poly, (ciphertext) =>
      this.#evaluator.cipherTransformToNttInplace(ciphertext),
    );
  }

  inverse(poly: Uint32Array): Uint32Array {
    return this.#run(this.#inNttForm, poly, (ciphertext) => this.#evaluator.cipherTransformFromNttInplace(ciphertext));
  }

  #run(
    template: Uint8Array,
    poly: Uint32Array,
    transform: (ciphertext: InstanceType<typeof seal.Ciphertext>) => void,
  ): Uint32Array {
    const bytes = template.slice();
    const view = new DataView(bytes.buffer, CIPHERTEXT_HEADER_BYTES, POLY_BYTES);
    for (const [i, residue] of poly.entries()) view.setBigUint64(8 * i, BigInt(residue), true);
    using ciphertext = new seal.Ciphertext();
    ciphertext.loadFromArray(this.#context, bytes);
    transform(ciphertext);
    const out = this.#bytes(ciphertext);
    const outView = new DataView(out.buffer, out.byteOffset + CIPHERTEXT_HEADER_BYTES, POLY_BYTES);
    return Uint32Array.from({ length: RING_DEGREE }, (_, i) => Number(outView.getBigUint64(8 * i, true)));
  }

  #bytes(ciphertext: InstanceType<typeof seal.Ciphertext>): Uint8Array {
    const bytes = ciphertext.saveToArray(seal.ComprModeType.none) as Uint8Array;
    expect(bytes.length).toBe(CIPHERTEXT_HEADER_BYTES + 2 * POLY_BYTES);
    return bytes;
  }

  #makeContext(): InstanceType<typeof seal.SEALContext> {
    using parameters = new seal.EncryptionParameters(seal.SchemeType.ckks);
    using modulus = new seal.Modulus(BigInt(MODULUS));
    using moduli = new seal.VectorModulus();
    moduli.push_back(modulus);
    parameters.setPolyModulusDegree(RING_DEGREE);
    parameters.setCoeffModulus(moduli);
    return new seal.SEALContext(parameters, false, seal.SecLevelType.tc192);
  }

  #encryptZero(): InstanceType<typeof seal.Ciphertext> {
    using generator = new seal.KeyGenerator(this.#context);
    using secretKey = generator.secretKey();
    using publicKey = generator.createPublicKey();
    using encryptor = new seal.Encryptor(this.#context, publicKey, secretKey);
    using encoder = new seal.CKKSEncoder(this.#context);
    using zero = new seal.Plaintext();
    encoder.encode(new Float64Array(RING_DEGREE / 2), 1, zero);
    const ciphertext = new seal.Ciphertext();
    encryptor.encryptSymmetric(zero, ciphertext);
    return ciphertext;
  }
}

const sealTransforms = new SealTransforms();

describe.each([
  { id: "WebAssembly", kernels: wasm },
  { id: "TypeScript", kernels: referenceKernels },
])("the $id transforms are SEAL's, bit for bit", ({ kernels }) => {
  const single = (at: number, value: number): Uint32Array => new Uint32Array(RING_DEGREE).with(at, value);
  test.each([
    { id: "zero", poly: new Uint32Array(RING_DEGREE) },
    { id: "one", poly: single(0, 1) },
    { id: "X", poly: single(1, 1) },
    { id: "-X^2047", poly: single(2047, MODULUS - 1) },
    { id: "all q - 1", poly: new Uint32Array(RING_DEGREE).fill(MODULUS - 1) },
    ...[1, 2, 3, 4, 5].map((seed) => ({ id: `uniform, seed ${seed.toString()}`, poly: seeded(seed).residues() })),
  ])("$id", ({ poly }) => {
    const forward = poly.slice();
    kernels.forwardNtt(forward);
    expectSame(forward, sealTransforms.forward(poly));
    const inverse = poly.slice();
    kernels.inverseNtt(inverse);
    expectSame(inverse, sealTransforms.inverse(poly));
  });
});

test("SEAL's secret is ternary and its encryption of zero small, once our inverse transform has brought them back", () => {
  using key = generateSealKey();
  const { c0, c1 } = key.encryptZero();
  const error = c0.map((residue, i) => (residue + multiplyModulo(c1[i] ?? 0, key.secret[i] ?? 0)) % MODULUS);
  const secret = key.secret.slice();
  for (const poly of [error, secret]) wasm.inverseNtt(poly);
  expect(new Set(Array.from(secret, centred))).toEqual(new Set([-1, 0, 1]));
  expect(Math.max(...Array.from(error, (residue) => Math.abs(centred(residue))))).toBeLessThanOrEqual(21);
});

describe("products through the transform are negacyclic products", () => {
  /** By the definition of the ring: X^N = -1. In O(N^2). */
  function schoolbook(a: Uint32Array, b: Uint32Array): Uint32Array {
    const out = new Uint32Array(RING_DEGREE);
    for (const [i, x] of a.entries()) {
      if (x === 0) continue;
      for (const [j, y] of b.entries()) {
        const term = multiplyModulo(x, y);
        const at = (i + j) % RING_DEGREE;
        out[at] = ((out[at] ?? 0) + (i + j < RING_DEGREE ? term : MODULUS - term)) % MODULUS;
      }
    }
    return out;
  }

  const throughTransform = (a: Uint32Array, b: Uint32Array): Uint32Array => {
    const [left, right] = [a.slice(), b.slice()];
    wasm.forwardNtt(left);
    wasm.forwardNtt(right);
    const product = wasm.multiplyAccumulate(left, right, 1);
    wasm.inverseNtt(product);
    return product;
  };

  test("multiplyModulo is exact", () => {
    const random = seeded(6);
    for (const x of [0, 1, 65_535, 65_536, MODULUS - 1, ...random.residues(200)]) {
      for (const y of [0, 1, 65_535, 65_536, MODULUS - 1, ...random.residues(20)]) {
        expect(multiplyModulo(x, y)).toBe(Number((BigInt(x) * BigInt(y)) % BigInt(MODULUS)));
      }
    }
  });

  test("any times any", () => {
    const [a, b] = [seeded(7).residues(), seeded(8).residues()];
    expectSame(throughTransform(a, b), schoolbook(a, b));
  });

  test("X^2047 X = -1", () => {
    const [high, x] = [new Uint32Array(RING_DEGREE).with(2047, 1), new Uint32Array(RING_DEGREE).with(1, 1)];
    expect(throughTransform(high, x)).toEqual(new Uint32Array(RING_DEGREE).with(0, MODULUS - 1));
  });
});
