import SEAL from "node-seal";
import { MODULUS, RING_DEGREE } from "../rlwe/parameters.ts";

// Bytes before the residues in SEAL 4.1's uncompressed form of our two objects. We only ever read what we have just made in this process:
// SEAL's serialisation never crosses the wire (DESIGN.md 4.6).
const SECRET_KEY_HEADER_BYTES = 88;
const CIPHERTEXT_HEADER_BYTES = 113;

const seal = await SEAL();

/** A fresh secret, in NTT form, and encryptions of zero under it. */
export interface SealKey {
  /** s: shape [N], NTT form, ternary in coefficient form. The caller wipes it. */
  readonly secret: Uint32Array;
  /** An encryption of zero: c0 + c1 s = e, both shape [N] in NTT form; owned by the caller, who wipes them. */
  encryptZero(): { readonly c0: Uint32Array; readonly c1: Uint32Array };
  [Symbol.dispose](): void;
}

function makeContext(): InstanceType<typeof seal.SEALContext> {
  using parameters = new seal.EncryptionParameters(seal.SchemeType.ckks);
  using modulus = new seal.Modulus(BigInt(MODULUS));
  using moduli = new seal.VectorModulus();
  moduli.push_back(modulus);
  parameters.setPolyModulusDegree(RING_DEGREE);
  parameters.setCoeffModulus(moduli);
  // SEAL refuses the parameters if they were below its 192-bit level (classical, ternary secret).
  const context = new seal.SEALContext(parameters, false, seal.SecLevelType.tc192);
  if (!context.parametersSet()) throw new Error("SEAL refuses the ring at its 192-bit level");
  return context;
}

const context = makeContext();
const zero = encodeZero();
const anyPublicKey = makePublicKey();

function encodeZero(): InstanceType<typeof seal.Plaintext> {
  using encoder = new seal.CKKSEncoder(context);
  const plaintext = new seal.Plaintext();
  encoder.encode(new Float64Array(RING_DEGREE / 2), 1, plaintext);
  return plaintext;
}

/** The binding wants a public key beside a secret one, though symmetric encryption does not look at it: one of no secret in use serves all. */
function makePublicKey(): InstanceType<typeof seal.PublicKey> {
  using generator = new seal.KeyGenerator(context);
  return generator.createPublicKey();
}

/**
 * Generates a key with SEAL: ternary secret, SEAL's error distribution and generator (BLAKE2Xb seeded by the operating system).
 * The CKKS scheme is used only because its ciphertexts are kept in NTT form and their error is not scaled.
 */
export function generateSealKey(): SealKey {
  using handles = new DisposableStack();
  using generator = new seal.KeyGenerator(context);
  const secretKey = handles.use(generator.secretKey());
  const encryptor = handles.use(new seal.Encryptor(context, anyPublicKey, secretKey));
  const secretBytes = secretKey.saveToArray(seal.ComprModeType.none) as Uint8Array;
  const [secret] = polynomials(secretBytes, SECRET_KEY_HEADER_BYTES, 1) as [Uint32Array];
  secretBytes.fill(0);
  const kept = handles.move();
  return {
    secret,
    encryptZero() {
      using ciphertext = new seal.Ciphertext();
      encryptor.encryptSymmetric(zero, ciphertext);
      const bytes = ciphertext.saveToArray(seal.ComprModeType.none) as Uint8Array;
      const [c0, c1] = polynomials(bytes, CIPHERTEXT_HEADER_BYTES, 2) as [Uint32Array, Uint32Array];
      // With the query that is sent, c1 would give the secret away.
      bytes.fill(0);
      return { c0, c1 };
    },
    [Symbol.dispose]() {
      secret.fill(0);
      kept.dispose();
    },
  };
}

/** The `count` polynomials of 64-bit little-endian residues at the end of SEAL's uncompressed bytes, each shape [N]. */
function polynomials(bytes: Uint8Array, headerBytes: number, count: number): Uint32Array[] {
  if (bytes.length !== headerBytes + 8 * count * RING_DEGREE)
    throw new Error("SEAL's uncompressed form has an unexpected length");
  return Array.from({ length: count }, (_, j) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset + headerBytes + 8 * j * RING_DEGREE);
    const residues = new Uint32Array(RING_DEGREE);
    for (let i = 0; i < RING_DEGREE; i++) residues[i] = view.getUint32(8 * i, true);
    return residues;
  });
}
