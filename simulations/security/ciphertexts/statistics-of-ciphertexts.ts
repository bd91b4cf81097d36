import { MODULUS } from "../../../crypto/index.ts";
import { type PublicRing, centredDifference, difference, sum } from "./ring.ts";

/** A query in the forms the distinguisher looks at. Every one is linear in the query. */
export interface CiphertextView {
  /** b_j as it travels; shape [m][N]. */
  readonly ntt: readonly Uint32Array[];
  /** Shape [m][N]. */
  readonly coefficients: readonly Uint32Array[];
  /** Of the coefficients those that hold a question; shape [m][c]. */
  readonly question: readonly Uint32Array[];
  /** b_j / a_j, coefficient form: -s where there is neither question nor error; shape [m][N]. */
  readonly quotients: readonly Uint32Array[];
  /** b_j / a_j less the one before; shape [m - 1][N]. */
  readonly steps: readonly Uint32Array[];
}

/** One question as the same forms would show it without any mask. */
export type QuestionView = CiphertextView;

/** The two questions, of which one was asked. */
export type QuestionPair = readonly [QuestionView, QuestionView];

export function viewOf(ring: PublicRing, ntt: readonly Uint32Array[]): CiphertextView {
  const coefficients = ntt.map((b) => ring.coefficients(b));
  const quotients = ntt.map((b, j) => ring.coefficients(ring.product(b, ring.aInverse[j]!)));
  return {
    ntt,
    coefficients,
    question: coefficients.map((poly) => poly.slice(0, ring.layout.chunk)),
    quotients,
    steps: quotients.slice(1).map((quotient, j) => difference(quotient, quotients[j]!)),
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
  return combined(to, from, difference);
}

/** The ciphertext that the same key would have made of another question: encryption adds the question, so another one is a difference away. */
export function reasked(view: CiphertextView, step: QuestionView): CiphertextView {
  return combined(view, step, sum);
}

function combined(
  view: CiphertextView,
  other: CiphertextView,
  operation: (x: Uint32Array, y: Uint32Array) => Uint32Array,
): CiphertextView {
  const of = (form: keyof CiphertextView): Uint32Array[] =>
    view[form].map((poly, j) => operation(poly, other[form][j]!));
  return {
    ntt: of("ntt"),
    coefficients: of("coefficients"),
    question: of("question"),
    quotients: of("quotients"),
    steps: of("steps"),
  };
}

/**
 * What a distinguisher measures of one ciphertext, given both questions and earlier ciphertexts whose questions it was told.
 *
 * Most are differences of a statistic under "the second was asked" and under "the first was": how small what remains is after the question is taken
 * away, in the open, after division by a_j (a missing error), between two chunks (a missing error under any secret), and beside
 * earlier ciphertexts (a secret used again). The rest are moments, bits and correlations that no question should move.
 *
 * @param earlier - Of {@link withoutQuestion}.
 */
export function ciphertextStatistics(
  view: CiphertextView,
  pair: QuestionPair,
  earlier: readonly (readonly Uint32Array[])[],
): number[] {
  const besideEarlier = earlier.map((zeros) => view.question.map((poly, j) => difference(poly, zeros[j]!)));
  const [first, second] = pair.map((question) => underHypothesis(view, question, besideEarlier));
  return [
    ...second!.map((value, i) => value - first![i]!),
    correlation(view, pair),
    ...momentsOf(view.coefficients),
    ...momentsOf(view.ntt),
    ...momentsOf(view.question),
  ];
}

/** Measures that are unlike those of uniform residues if this question was asked and something is missing from its mask. */
function underHypothesis(
  view: CiphertextView,
  question: QuestionView,
  besideEarlier: readonly (readonly Uint32Array[])[],
): number[] {
  return [
    ...remainder(view.question, question.question),
    meanSizes(view.quotients, question.quotients),
    meanSizes(view.steps, question.steps),
    ...besideEarlier.map((rest) => meanSizes(rest, question.question)),
  ];
}

/** Sums over x - y: of sizes over q, of the first three harmonics, and of lowest bits. */
function remainder(x: readonly Uint32Array[], y: readonly Uint32Array[]): number[] {
  let [size, first, second, third, odd] = [0, 0, 0, 0, 0];
  x.forEach((poly, j) => {
    const other = y[j]!;
    for (let k = 0; k < poly.length; k++) {
      const rest = centredDifference(poly[k]!, other[k]!);
      const cosine = Math.cos((2 * Math.PI * rest) / MODULUS);
      size += Math.abs(rest) / MODULUS;
      first += cosine;
      second += 2 * cosine * cosine - 1;
      third += (4 * cosine * cosine - 3) * cosine;
      odd += rest & 1;
    }
  });
  return [size, first, second, third, odd];
}

/** Sum over polynomials of the mean |x - y| over q: a quarter each for uniform residues. */
function meanSizes(x: readonly Uint32Array[], y: readonly Uint32Array[]): number {
  return x.reduce((total, poly, j) => total + meanSize(poly, y[j]!), 0);
}

function meanSize(x: Uint32Array, y: Uint32Array): number {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += Math.abs(centredShare(x[i]! - y[i]!));
  return total / x.length;
}

/** Centred residue over q, -1/2 to 1/2, of an integer. */
function centredShare(value: number): number {
  const share = value / MODULUS;
  return share - Math.floor(share + 0.5);
}

/** Of the centred coefficients with the difference of the two questions: the best linear test against a mask of any width. */
function correlation(view: CiphertextView, [first, second]: QuestionPair): number {
  let [both, square] = [0, 0];
  view.question.forEach((poly, j) => {
    for (let k = 0; k < poly.length; k++) {
      const step = centredDifference(second.question[j]![k]!, first.question[j]![k]!);
      both += (centredDifference(poly[k]!, 0) / MODULUS) * step;
      square += step * step;
    }
  });
  return both / Math.sqrt(square || 1);
}

/** Mean, variance, third and fourth moment, share of odd residues, correlation of neighbours; residues centred and over q. */
function momentsOf(polynomials: readonly Uint32Array[]): number[] {
  // Not one destructuring: the engine then keeps sums as objects, and this runs for every residue there is.
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let odd = 0;
  let neighbours = 0;
  for (const poly of polynomials) {
    let before = 0;
    for (let i = 0; i < poly.length; i++) {
      const residue = poly[i]!;
      const x = centredShare(residue);
      const square = x * x;
      first += x;
      second += square;
      third += square * x;
      fourth += square * square;
      odd += residue & 1;
      neighbours += x * before;
      before = x;
    }
  }
  const count = polynomials.length * polynomials[0]!.length;
  return [first, second, third, fourth, odd, neighbours].map((moment) => moment / count);
}

/** The mask of a ciphertext whose question is known, where the question was: shape [m][c]. */
export function withoutQuestion(view: CiphertextView, asked: QuestionView): Uint32Array[] {
  return view.question.map((poly, j) => difference(poly, asked.question[j]!));
}
