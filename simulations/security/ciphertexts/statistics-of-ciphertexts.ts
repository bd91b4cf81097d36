import { MODULUS } from "../../../crypto/index.ts";
import { type PublicRing, centredDifference, difference, sum } from "./ring.ts";

/** A query in the forms the distinguisher looks at; each shape [m][N]. */
export interface CiphertextView {
  /** b_j as it travels. */
  readonly ntt: readonly Uint32Array[];
  readonly coefficients: readonly Uint32Array[];
  /** b_j / a_j, coefficient form: -s where there is neither question nor error. */
  readonly quotients: readonly Uint32Array[];
}

/** One question as the same three forms would show it without any mask. */
export type QuestionView = CiphertextView;

/** The two questions, of which one was asked. */
export type QuestionPair = readonly [QuestionView, QuestionView];

export function viewOf(ring: PublicRing, ntt: readonly Uint32Array[]): CiphertextView {
  return {
    ntt,
    coefficients: ntt.map((b) => ring.coefficients(b)),
    quotients: ntt.map((b, j) => ring.coefficients(ring.product(b, ring.aInverse[j]!))),
  };
}

export function questionView(ring: PublicRing, embedding: Float32Array): QuestionView {
  return viewOf(
    ring,
    ring.question(embedding).map((chunk) => ring.nttForm(chunk)),
  );
}

/** From one question to another, in every form. */
export function stepBetween(from: QuestionView, to: QuestionView): QuestionView {
  const step = (form: keyof QuestionView): Uint32Array[] => to[form].map((poly, j) => difference(poly, from[form][j]!));
  return { ntt: step("ntt"), coefficients: step("coefficients"), quotients: step("quotients") };
}

/** The ciphertext that the same key would have made of another question: encryption adds the question, so another one is a difference away. */
export function reasked(view: CiphertextView, step: QuestionView): CiphertextView {
  const moved = (form: keyof CiphertextView): Uint32Array[] => view[form].map((poly, j) => sum(poly, step[form][j]!));
  return { ntt: moved("ntt"), coefficients: moved("coefficients"), quotients: moved("quotients") };
}

/**
 * What a distinguisher measures of one ciphertext, given both questions and earlier ciphertexts whose questions it was told.
 *
 * Most are differences of a statistic under "the second was asked" and under "the first was": how small what remains is after the question is taken
 * away, in the open, after division by a_j (a missing error), between two chunks (a missing error under any secret), and beside
 * earlier ciphertexts (a secret used again). The rest are moments, bits and correlations that no question should move.
 *
 * @param chunk - c: coefficients of each polynomial that hold a question.
 * @param earlier - Encryptions of zero, coefficient form, each shape [m][N].
 */
export function ciphertextStatistics(
  view: CiphertextView,
  pair: QuestionPair,
  chunk: number,
  earlier: readonly (readonly Uint32Array[])[],
): number[] {
  const [first, second] = pair.map((question) => underHypothesis(view, question, chunk, earlier));
  return [
    ...second!.map((value, i) => value - first![i]!),
    correlation(view, pair, chunk),
    ...momentsOf(view.coefficients),
    ...momentsOf(view.ntt),
    ...momentsOf(view.coefficients.map((poly) => poly.subarray(0, chunk))),
  ];
}

/** Measures that are unlike those of uniform residues if this question was asked and something is missing from its mask. */
function underHypothesis(
  { coefficients, quotients }: CiphertextView,
  question: QuestionView,
  chunk: number,
  earlier: readonly (readonly Uint32Array[])[],
): number[] {
  const [size, odd, quotientSize, chunkSize] = [[0, 0, 0, 0], [0], [0], [0]] as [
    number[],
    number[],
    number[],
    number[],
  ];
  coefficients.forEach((poly, j) => {
    const own = question.coefficients[j]!;
    for (let k = 0; k < chunk; k++) {
      const rest = centredDifference(poly[k]!, own[k]!);
      size[0]! += Math.abs(rest) / MODULUS;
      for (let t = 1; t <= 3; t++) size[t]! += Math.cos((2 * Math.PI * t * rest) / MODULUS);
      odd[0]! += rest & 1;
    }
    quotientSize[0]! += meanSize(quotients[j]!, question.quotients[j]!);
    if (j > 0) {
      const between = difference(quotients[j]!, quotients[j - 1]!);
      chunkSize[0]! += meanSize(between, difference(question.quotients[j]!, question.quotients[j - 1]!));
    }
  });
  const besideEarlier = earlier.map((zeros) =>
    zeros.reduce((total, zero, j) => {
      const rest = difference(coefficients[j]!.subarray(0, chunk), zero.subarray(0, chunk));
      return total + meanSize(rest, question.coefficients[j]!.subarray(0, chunk));
    }, 0),
  );
  return [...size, ...odd, ...quotientSize, ...chunkSize, ...besideEarlier];
}

/** Mean |x - y| over q: a quarter for uniform residues. */
function meanSize(x: Uint32Array, y: Uint32Array): number {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += Math.abs(centredDifference(x[i]!, y[i]!));
  return total / (x.length * MODULUS);
}

/** Of the centred coefficients with the difference of the two questions: the best linear test against a mask of any width. */
function correlation({ coefficients }: CiphertextView, [first, second]: QuestionPair, chunk: number): number {
  let [both, square] = [0, 0];
  coefficients.forEach((poly, j) => {
    for (let k = 0; k < chunk; k++) {
      const step = centredDifference(second.coefficients[j]![k]!, first.coefficients[j]![k]!);
      both += (centredDifference(poly[k]!, 0) / MODULUS) * step;
      square += step * step;
    }
  });
  return both / Math.sqrt(square || 1);
}

/** Mean, variance, third and fourth moment, share of odd residues, correlation of neighbours; residues centred and over q. */
function momentsOf(polynomials: readonly Uint32Array[]): number[] {
  const moments = [0, 0, 0, 0, 0, 0];
  let count = 0;
  for (const poly of polynomials) {
    let before = 0;
    for (const residue of poly) {
      const x = centredDifference(residue, 0) / MODULUS;
      const square = x * x;
      moments[0]! += x;
      moments[1]! += square;
      moments[2]! += square * x;
      moments[3]! += square * square;
      moments[4]! += residue & 1;
      moments[5]! += x * before;
      before = x;
    }
    count += poly.length;
  }
  return moments.map((moment) => moment / count);
}

/** Zero encryptions of ciphertexts whose questions are known, coefficient form. */
export function withoutQuestion(view: CiphertextView, asked: QuestionView): Uint32Array[] {
  return view.coefficients.map((poly, j) => difference(poly, asked.coefficients[j]!));
}
