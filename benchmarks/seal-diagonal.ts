import SEAL from "node-seal";

const seal = await SEAL();

const SLOTS = 4096;
/** Slots that a rotation turns among themselves: half of them. */
const ROTATED = SLOTS / 2;
const BABY_STEPS = 16;
// Entries and questions are integers up to 127; 128 products of them stay below 2^21.
const SCALE = 127;
const PLAIN_BITS = 23;

type Ciphertext = InstanceType<typeof seal.Ciphertext>;

/** 4,096 rows searched the textbook way: BFV, one score a slot, query rotated to every diagonal (Halevi and Shoup 2014). */
export interface DiagonalMethod {
  /** Encrypts a question of unit norm, as the querier would. */
  ask(question: Float32Array): void;
  /** The server side: one ciphertext of all scores. */
  answer(): void;
  /** Decrypts the answer. @throws Error when a score is not the inner product of the integers. */
  check(all: Float32Array, question: Float32Array): void;
  [Symbol.dispose](): void;
}

const quantise = (value: number): number => Math.round(SCALE * value);

/**
 * Sum over i < dim of diagonal_i x rotate(query, i) as baby steps and giant steps: with i = 16 g + b, the query is rotated 15 times and the sums
 * of each g once. SEAL's default 128-bit modulus for N = 4096; diagonals and rotated queries are multiplied in NTT form.
 *
 * @param all - Shape [4096][dim], unit norm.
 */
export function openDiagonalMethod(
  all: Float32Array,
  { rows, dim }: { readonly rows: number; readonly dim: number },
): DiagonalMethod {
  if (rows !== SLOTS || ROTATED % dim !== 0 || dim % BABY_STEPS !== 0)
    throw new TypeError("the diagonal method here takes 4,096 rows and a dimension that divides 2,048");
  const kept = new DisposableStack();
  const parameters = kept.use(new seal.EncryptionParameters(seal.SchemeType.bfv));
  parameters.setPolyModulusDegree(SLOTS);
  parameters.setCoeffModulus(seal.CoeffModulus.BFVDefault(SLOTS, seal.SecLevelType.tc128));
  parameters.setPlainModulus(seal.PlainModulus.Batching(SLOTS, PLAIN_BITS));
  const context = kept.use(new seal.SEALContext(parameters, true, seal.SecLevelType.tc128));
  if (!context.parametersSet()) throw new Error("SEAL refuses the parameters of the diagonal method");
  const generator = kept.use(new seal.KeyGenerator(context));
  const secretKey = kept.use(generator.secretKey());
  const encryptor = kept.use(new seal.Encryptor(context, kept.use(generator.createPublicKey()), secretKey));
  const decryptor = kept.use(new seal.Decryptor(context, secretKey));
  const evaluator = kept.use(new seal.Evaluator(context));
  const encoder = kept.use(new seal.BatchEncoder(context));
  const giantSteps = dim / BABY_STEPS;
  const steps = [
    ...Array.from({ length: BABY_STEPS - 1 }, (_, b) => b + 1),
    ...Array.from({ length: giantSteps - 1 }, (_, g) => (g + 1) * BABY_STEPS),
  ];
  const galois = kept.use(generator.createGaloisKeysWithSteps(Int32Array.from(steps)));

  const encode = (slot: (s: number) => number): InstanceType<typeof seal.Plaintext> => {
    const plain = kept.use(new seal.Plaintext());
    encoder.encode(
      BigInt64Array.from({ length: SLOTS }, (_, s) => BigInt(slot(s))),
      plain,
    );
    return plain;
  };
  const ciphertext = (): Ciphertext => kept.use(new seal.Ciphertext());
  const [query, result, product, turned] = [ciphertext(), ciphertext(), ciphertext(), ciphertext()];
  encryptor.encrypt(
    encode(() => 0),
    query,
  );
  const babies = Array.from({ length: BABY_STEPS }, ciphertext);
  const half = (s: number): number => s - (s % ROTATED);
  const diagonals = Array.from({ length: dim }, (_, i) => {
    const giant = i - (i % BABY_STEPS);
    // Rotated back by the giant step that will be applied to the sum.
    const plain = encode((s) => {
      const row = half(s) + ((s - giant + ROTATED) % ROTATED);
      return quantise(all[row * dim + ((row + i) % dim)]!);
    });
    evaluator.plainTransformToNttInplace(plain, query.parmsId());
    return plain;
  });

  return {
    ask(question) {
      encryptor.encrypt(
        encode((s) => quantise(question[s % dim]!)),
        query,
      );
    },
    answer() {
      for (const [b, baby] of babies.entries()) {
        if (b === 0) baby.assign(query);
        else evaluator.rotateRows(query, b, galois, baby);
        evaluator.cipherTransformToNttInplace(baby);
      }
      for (let g = 0; g < giantSteps; g++) {
        const sum = g === 0 ? result : turned;
        for (const [b, baby] of babies.entries()) {
          evaluator.multiplyPlain(baby, diagonals[g * BABY_STEPS + b]!, b === 0 ? sum : product);
          if (b > 0) evaluator.addInplace(sum, product);
        }
        evaluator.cipherTransformFromNttInplace(sum);
        if (g === 0) continue;
        evaluator.rotateRowsInplace(sum, g * BABY_STEPS, galois);
        evaluator.addInplace(result, sum);
      }
    },
    check(rowsOf, question) {
      this.answer();
      using plain = new seal.Plaintext();
      decryptor.decrypt(result, plain);
      const scores = encoder.decodeBigInt64(plain) as BigInt64Array;
      for (let row = 0; row < SLOTS; row++) {
        let exact = 0;
        for (let i = 0; i < dim; i++) exact += quantise(rowsOf[row * dim + i]!) * quantise(question[i]!);
        if (Number(scores[row]) !== exact) throw new Error(`the diagonal method errs at row ${row}`);
      }
    },
    [Symbol.dispose]() {
      kept.dispose();
    },
  };
}
