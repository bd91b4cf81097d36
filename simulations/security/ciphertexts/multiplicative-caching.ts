import SEAL from "node-seal";

const seal = await SEAL();

/** The published code's ring dimension. */
const DEGREE = 4096;
/** One prime, so that a residue is a number: with several the same division is made in each of them. */
const MODULUS_BITS = 60;
const CACHED_SCALE = 2 ** 30;
const PLAIN_SCALE = 2 ** 25;

/** Both parts of a ciphertext, NTT form, each shape [N]. */
export interface Parts {
  readonly c0: BigUint64Array;
  readonly c1: BigUint64Array;
}

/**
 * FRAG's multiplicative caching (Zhao, arXiv 2410.13272; scalar form in arXiv 2312.16352) as its authors' published code has it, on SEAL's CKKS: one ciphertext of
 * (1, ..., 1) is kept, an embedding is "encrypted" by multiplying it with the encoded embedding, and one small Gaussian polynomial is added to the first part and
 * taken from the second. The published deviation is 0.1. A toy to be attacked; nothing of ours uses it.
 */
export class MultiplicativeCaching implements Disposable {
  readonly #handles = new DisposableStack();
  readonly #context;
  readonly #encoder;
  readonly #evaluator;
  readonly #decryptor;
  readonly #cached;
  readonly #random: () => number;
  readonly modulus: bigint;

  /** @param random - For the noise alone; keys are SEAL's. */
  constructor(random: () => number) {
    const keep = <Handle extends Disposable>(handle: Handle): Handle => this.#handles.use(handle);
    using parameters = new seal.EncryptionParameters(seal.SchemeType.ckks);
    using moduli = seal.CoeffModulus.Create(DEGREE, Int32Array.of(MODULUS_BITS));
    parameters.setPolyModulusDegree(DEGREE);
    parameters.setCoeffModulus(moduli);
    this.#context = keep(new seal.SEALContext(parameters, false, seal.SecLevelType.tc128));
    using modulus = moduli.get(0)!;
    this.modulus = modulus.value();
    this.#encoder = keep(new seal.CKKSEncoder(this.#context));
    this.#evaluator = keep(new seal.Evaluator(this.#context));
    using generator = new seal.KeyGenerator(this.#context);
    using secretKey = generator.secretKey();
    using publicKey = generator.createPublicKey();
    using encryptor = new seal.Encryptor(this.#context, publicKey, secretKey);
    this.#decryptor = keep(new seal.Decryptor(this.#context, secretKey));
    using ones = new seal.Plaintext();
    this.#encoder.encode(new Float64Array(DEGREE / 2).fill(1), CACHED_SCALE, ones);
    this.#cached = keep(new seal.Ciphertext());
    encryptor.encrypt(ones, this.#cached);
    this.#random = random;
  }

  /** The ciphertext that is kept; every party of FRAG holds it. */
  get cached(): Parts {
    return partsOf(this.#cached);
  }

  /** @param deviation - Of the discrete Gaussian noise. @returns What is sent for an embedding, and what its owner decrypts. */
  encrypt(embedding: Float32Array, deviation: number): { readonly sent: Parts; readonly decrypted: Float64Array } {
    using plain = new seal.Plaintext();
    this.#encode(embedding, plain);
    using sent = new seal.Ciphertext();
    this.#evaluator.multiplyPlain(this.#cached, plain, sent);
    this.#addNoise(sent, discreteGaussian(deviation, this.#random));
    using opened = new seal.Plaintext();
    this.#decryptor.decrypt(sent, opened);
    return { sent: partsOf(sent), decrypted: this.#encoder.decodeFloat64(opened) as Float64Array };
  }

  /** Residues of an encoded embedding, which anybody can compute. NTT form, shape [N]. */
  encode(embedding: Float32Array): BigUint64Array {
    using plain = new seal.Plaintext();
    this.#encode(embedding, plain);
    return lastResidues(plain.saveToArray(seal.ComprModeType.none) as Uint8Array, 1);
  }

  /** Inverse of {@link encode}. @returns Shape [N / 2]. */
  decode(residues: BigUint64Array): Float64Array {
    using plain = new seal.Plaintext();
    this.#encode(new Float32Array(1), plain);
    const bytes = plain.saveToArray(seal.ComprModeType.none) as Uint8Array;
    bytes.set(new Uint8Array(residues.buffer, residues.byteOffset, residues.byteLength), bytes.length - 8 * DEGREE);
    plain.loadFromArray(this.#context, bytes);
    return this.#encoder.decodeFloat64(plain) as Float64Array;
  }

  [Symbol.dispose](): void {
    this.#handles.dispose();
  }

  #encode(embedding: Float32Array, into: InstanceType<typeof seal.Plaintext>): void {
    const slots = new Float64Array(DEGREE / 2);
    slots.set(embedding.subarray(0, slots.length));
    this.#encoder.encode(slots, PLAIN_SCALE, into);
  }

  #addNoise(ciphertext: InstanceType<typeof seal.Ciphertext>, noise: Int32Array): void {
    if (noise.every((value) => value === 0)) return;
    using added = ciphertext.copy();
    this.#evaluator.cipherTransformFromNttInplace(added);
    const bytes = added.saveToArray(seal.ComprModeType.none) as Uint8Array;
    const residues = new BigUint64Array(2 * DEGREE);
    noise.forEach((value, i) => {
      residues[i] = modulo(BigInt(value), this.modulus);
      residues[DEGREE + i] = modulo(BigInt(-value), this.modulus);
    });
    bytes.set(new Uint8Array(residues.buffer), bytes.length - residues.byteLength);
    added.loadFromArray(this.#context, bytes);
    this.#evaluator.cipherTransformToNttInplace(added);
    this.#evaluator.addInplace(ciphertext, added);
  }
}

/** Weights exp(-k^2 / 2 deviation^2) over the integers. @returns Shape [N]. */
function discreteGaussian(deviation: number, random: () => number): Int32Array {
  const reach = Math.ceil(10 * deviation);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Int32Array.from({ length: DEGREE }, () => {
    let left = random() * total;
    let k = 0;
    while (k < weights.length - 1 && (left -= weights[k]!) >= 0) k++;
    return k - reach;
  });
}

function partsOf(ciphertext: InstanceType<typeof seal.Ciphertext>): Parts {
  const both = lastResidues(ciphertext.saveToArray(seal.ComprModeType.none) as Uint8Array, 2);
  return { c0: both.slice(0, DEGREE), c1: both.slice(DEGREE) };
}

/** The polynomials at the end of SEAL's uncompressed bytes. */
function lastResidues(bytes: Uint8Array, count: number): BigUint64Array {
  return new BigUint64Array(bytes.slice(bytes.length - 8 * count * DEGREE).buffer);
}

/** Pointwise x + y mod q. */
export function addBig(x: BigUint64Array, y: BigUint64Array, q: bigint): BigUint64Array {
  return x.map((value, i) => (value + y[i]!) % q);
}

/** Pointwise x / y mod q, 0 where y is 0: one inversion for all (Montgomery, 1987, section 10.3.1). */
export function divideBig(x: BigUint64Array, y: BigUint64Array, q: bigint): BigUint64Array {
  const before = new BigUint64Array(y.length);
  let product = 1n;
  y.forEach((value, i) => {
    before[i] = product;
    if (value !== 0n) product = (product * value) % q;
  });
  let inverse = powerBig(product, q - 2n, q);
  const out = new BigUint64Array(x.length);
  for (let i = y.length - 1; i >= 0; i--) {
    if (y[i] === 0n) continue;
    out[i] = (((inverse * before[i]!) % q) * x[i]!) % q;
    inverse = (inverse * y[i]!) % q;
  }
  return out;
}

function powerBig(base: bigint, exponent: bigint, q: bigint): bigint {
  let result = 1n;
  for (let square = base, left = exponent; left > 0n; left >>= 1n, square = (square * square) % q)
    if (left & 1n) result = (result * square) % q;
  return result;
}

function modulo(value: bigint, q: bigint): bigint {
  return ((value % q) + q) % q;
}
