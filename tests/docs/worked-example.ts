/** The ring of docs/cryptography.md: Z_q[X]/(X^8 + 1), two coordinates a polynomial, so four rows a block. */
const N = 8;
const Q = 12_289;
const C = 2;
const SCALE = 100;

const ROWS = [
  [3, 1, 2, 0],
  [-1, 2, 0, 1],
  [0, 0, 4, -2],
  [2, -3, 1, 1],
];
const QUESTION = [2, 1, -1, 3];
const SECRET = [1, 0, -1, 1, 0, 0, -1, 1];
const PUBLIC = [
  [5021, 77, 11_904, 3316, 8150, 640, 9877, 1203],
  [268, 10_459, 4402, 7731, 15, 12_001, 2950, 6604],
];
const ERRORS = [
  [1, -2, 0, 1, 0, -1, 2, 0],
  [0, 1, 1, -1, 0, 2, -1, 0],
];

const mod = (x: number): number => ((x % Q) + Q) % Q;
/** The representative nearest to zero. */
const centred = (x: number): number => (mod(x) > Q / 2 ? mod(x) - Q : mod(x));

/** Multiplies modulo X^8 + 1: what runs over the end comes back with the other sign. */
function times(a: readonly number[], b: readonly number[]): number[] {
  const product = new Array<number>(N).fill(0);
  for (const [i, x] of a.entries())
    for (const [j, y] of b.entries()) {
      const k = (i + j) % N;
      product[k] = mod((product[k] ?? 0) + (i + j < N ? x * y : -x * y));
    }
  return product;
}
const plus = (...all: readonly (readonly number[])[]): number[] =>
  Array.from({ length: N }, (_, i) => mod(all.reduce((sum, one) => sum + (one[i] ?? 0), 0)));
const minus = (a: readonly number[]): number[] => a.map((x) => mod(-x));
const shown = (a: readonly number[]): string => `(${a.join(", ")})`;
const chunk = <T>(all: readonly T[], j: number): T[] => all.slice(j * C, (j + 1) * C);

/** Every line of numbers that the page has to show, computed from nothing but the definitions. */
export function workedExample(): string[] {
  const blocks = [0, 1].map((j) => ROWS.flatMap((row) => chunk(row, j).reverse()));
  const questions = [0, 1].map((j) => [...chunk(QUESTION, j).map((x) => x * SCALE), 0, 0, 0, 0, 0, 0]);
  const sent = [0, 1].map((j) => plus(questions[j] ?? [], ERRORS[j] ?? [], minus(times(PUBLIC[j] ?? [], SECRET))));
  const sum = (of: readonly (readonly number[])[]): number[] =>
    plus(...[0, 1].map((j) => times(blocks[j] ?? [], of[j] ?? [])));
  const answer = sum(sent);
  const hint = sum(PUBLIC);
  const opened = plus(answer, times(hint, SECRET));
  const places = ROWS.map((_, r) => r * C + C - 1);
  const scores = places.map((i) => centred(opened[i] ?? 0));
  const exact = ROWS.map((row) => row.reduce((total, x, i) => total + x * (QUESTION[i] ?? 0), 0));
  if (scores.some((score, r) => Math.round(score / SCALE) !== exact[r]))
    throw new Error("the example does not come out");
  return [
    ...blocks.map((block, j) => `P${String(j)} = ${shown(block)}`),
    ...questions.map((question, j) => `Q${String(j)} = ${shown(question)}`),
    `s = ${shown(SECRET)}`,
    ...PUBLIC.map((a, j) => `a${String(j)} = ${shown(a)}`),
    ...ERRORS.map((e, j) => `e${String(j)} = ${shown(e)}`),
    ...sent.map((b, j) => `b${String(j)} = ${shown(b)}`),
    `answer = ${shown(places.map((i) => answer[i] ?? 0))}`,
    `hint = ${shown(hint)}`,
    `opened = ${shown(scores)}`,
    `scores = ${shown(exact)}`,
  ];
}
