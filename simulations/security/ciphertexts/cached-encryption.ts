import type { RingLayout } from "../../../crypto/index.ts";
import { publicPolynomial } from "../../../crypto/rlwe/public-randomness.ts";
import { Fault } from "../../../crypto/fault.ts";
import { QueryKey, RlweAsker } from "../../../crypto/secret/index.ts";
import { mean } from "../../metrics.ts";
import { type Matrix, cosine, row } from "../../sealing/matrix.ts";
import type { Attack, AttackResult } from "../attack.ts";
import type { Lab } from "../lab.ts";
import { UnsafeEncryption } from "./broken-encryption.ts";
import { type CachedResults, reportCached } from "./cached-report.ts";
import { type Division, cachedFrom, divideOut, readDifference, readQuotient, recoveredShare } from "./division.ts";
import { labLayout, labQuestions } from "./game-layout.ts";
import { MultiplicativeCaching } from "./multiplicative-caching.ts";
import { PublicRing, inverses } from "./ring.ts";

const QUESTIONS = { quick: 16, standard: 64, full: 300 };
/** The published code's, and larger ones up to what ring-LWE encryption takes. */
const DEVIATIONS = [0.1, 0.3, 0.5, 1, 3.2];
const PUBLISHED = 0.1;
/** Earlier queries that each query is divided by and compared with. */
const EARLIER = 8;

export const cachedEncryption: Attack = {
  name: "cached-encryption",
  title: "Dividing what was cached out of encrypted questions",
  role: "anyone on the wire",
  holds:
    "every encrypted question of a querier; against FRAG's scheme the cached ciphertext too, or one question that it knows",
  assumptions:
    "FRAG is taken as in its authors' published code: a cached encryption of ones is multiplied by the encoded embedding, and discrete Gaussian noise of deviation 0.1 is added to one part and taken from the other. It is built here with SEAL's CKKS at that code's ring dimension over one 60-bit prime. Against the product the attacker knows a_j and the layout, and for each question is granted the best of all its quotients. Using one key twice goes through a construction that exists in the attack alone.",
  method:
    "FRAG: divide a ciphertext by the cached one, pointwise, modulo q; where noise is in the way, divide the sum of both parts, in which it cancels. The product: divide every query by the public polynomials and by earlier queries, and subtract queries from each other; read what remains as an embedding. The same with two questions under one key.",
  papers: [
    {
      citation: "Zhao, FRAG: Toward federated vector database management for collaborative and secure RAG, 2024",
      id: "arXiv 2410.13272",
    },
    { citation: "Zhao, Smuche: Scalar-multiplicative caching in homomorphic encryption, 2023", id: "arXiv 2312.16352" },
  ],
  run,
};

async function run(lab: Lab): Promise<AttackResult> {
  const questions = await labQuestions(lab, lab.bySize(QUESTIONS) + 1);
  const layout = await labLayout(lab);
  const literal = await attackLiteral(lab, questions);
  const ours = await attackOurs(lab, questions, layout);
  const refused = await secondEncryptions(layout, questions);
  return reportCached({ ...literal, ...ours, secondEncryptions: refused });
}

type Literal = Pick<CachedResults, "literal" | "literalOneKnown" | "overNoise">;

async function attackLiteral(lab: Lab, questions: Matrix): Promise<Literal> {
  using scheme = new MultiplicativeCaching(lab.random);
  const share = (i: number, deviation: number, by: Division): number => {
    const question = row(questions, i);
    return recoveredShare(question, divideOut(scheme, scheme.cached, scheme.encrypt(question, deviation).sent, by));
  };
  const literal: number[] = [];
  const oneKnown: number[] = [];
  const known = row(questions, 0);
  const guessed = cachedFrom(scheme, scheme.encrypt(known, PUBLISHED).sent, known);
  for (let i = 1; i < questions.rows; i++) {
    await lab.progress(i, 2 * questions.rows);
    literal.push(share(i, PUBLISHED, "second part"));
    const { sent } = scheme.encrypt(row(questions, i), PUBLISHED);
    oneKnown.push(recoveredShare(row(questions, i), divideOut(scheme, guessed, sent, "second part")));
  }
  const overNoise: { deviation: number; secondPart: number; sumOfParts: number }[] = [];
  for (const deviation of DEVIATIONS) {
    await lab.pause();
    const both = (["second part", "sum of parts"] as const).map((by) =>
      mean([1, 2, 3, 4].map((i) => share(i % questions.rows, deviation, by))),
    );
    overNoise.push({ deviation, secondPart: both[0]!, sumOfParts: both[1]! });
  }
  return { literal: mean(literal), literalOneKnown: mean(oneKnown), overNoise };
}

type Ours = Pick<CachedResults, "ours" | "oursDifference" | "usedTwice" | "questions">;

async function attackOurs(lab: Lab, questions: Matrix, layout: RingLayout): Promise<Ours> {
  const ring = new PublicRing(layout);
  const asker = new RlweAsker(layout);
  using unsafe = new UnsafeEncryption(ring, "one secret for all");
  const seen: { readonly b: readonly Uint32Array[]; readonly inverse: readonly Uint32Array[] }[] = [];
  const [ours, differences, usedTwice] = [[] as number[], [] as number[], [] as number[]];
  let unsafeBefore = unsafe.encrypt(row(questions, 0));
  for (let i = 0; i < questions.rows; i++) {
    await lab.progress(questions.rows + i, 2 * questions.rows);
    const question = row(questions, i);
    const { query, secrets } = await asker.ask(question);
    secrets[Symbol.dispose]();
    const b = ring.unpack(query);
    const quotients = [ring.aInverse, ...seen.map(({ inverse }) => inverse)].map((inverse) =>
      recoveredShare(question, readQuotient(ring, b, inverse)),
    );
    ours.push(Math.max(...quotients));
    if (i > 0) {
      const before = row(questions, i - 1);
      const change = question.map((x, k) => x - before[k]!);
      differences.push(cosine(change, readDifference(ring, b, seen[0]!.b)));
      const unsafeNow = unsafe.encrypt(question);
      usedTwice.push(cosine(change, readDifference(ring, unsafeNow, unsafeBefore)));
      unsafeBefore = unsafeNow;
    }
    seen.unshift({ b, inverse: b.map(inverses) });
    seen.splice(EARLIER);
  }
  asker.close();
  return {
    ours: mean(ours),
    oursDifference: mean(differences),
    usedTwice: mean(usedTwice),
    questions: questions.rows,
  };
}

/** Share of second encryptions that the shipped class performs. */
async function secondEncryptions(layout: RingLayout, questions: Matrix): Promise<number> {
  const { kernels } = new PublicRing(layout);
  const a = Array.from({ length: layout.chunks }, (_, j) => publicPolynomial(layout.seed, j));
  using key = await QueryKey.generate(layout, a, kernels, () => Promise.resolve());
  key.encrypt(row(questions, 0));
  let performed = 0;
  for (let i = 0; i < questions.rows; i++) {
    try {
      key.encrypt(row(questions, i));
      performed++;
    } catch (error) {
      if (!(error instanceof Fault && error.code === "KEY_USED")) throw error;
    }
  }
  return performed / questions.rows;
}
