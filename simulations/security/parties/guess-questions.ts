import { type Matrix, matrixOf, nearest, norm, row, stacked } from "../../sealing/matrix.ts";

export interface ProbeOptions {
  /** The attacker's rows. */
  readonly planted: Matrix;
  /** Rows of other parties, which are fetched where they rank higher; null when the attacker overstates its scores past all of them. */
  readonly others: Matrix | null;
  /** Each is asked once; together they are the list from which the attacker guesses. */
  readonly questions: Matrix;
  /** Rows a question fetches. */
  readonly k: number;
  readonly signal: AbortSignal;
}

/**
 * Has every question answered, and guesses it from the attacker's fetched rows alone: their mean, and the question of the list that is nearest to it.
 * Which rows are fetched is seen, not in which order.
 *
 * @returns Share of questions guessed rightly; a question that fetches nothing of the attacker's is guessed at random.
 */
export async function guessQuestions({ planted, others, questions, k, signal }: ProbeOptions): Promise<number> {
  const fetched = await nearest(others ? stacked(planted, others) : planted, questions, {
    count: k,
    by: "innerProduct",
    signal,
  });
  const seen = fetched.rows.map((rows) => rows.filter((i) => i < planted.rows));
  const estimates = matrixOf(
    seen.map((rows) => meanDirection(planted, rows)),
    planted.width,
  );
  const guesses = await nearest(questions, estimates, { count: 1, by: "innerProduct", signal });
  const right = seen.map((rows, i) => (rows.length === 0 ? 1 / questions.rows : Number(guesses.rows[i]![0] === i)));
  return right.reduce((sum, one) => sum + one, 0) / questions.rows;
}

/** A row of the largest norm along each axis, in both directions: those fetched are the question's largest coordinates. */
export function alongAxes(dim: number, normMax: number): Matrix {
  const rows = Array.from({ length: 2 * dim }, (_, i) => {
    const vector = new Float32Array(dim);
    vector[i >> 1] = i % 2 === 0 ? normMax : -normMax;
    return vector;
  });
  return matrixOf(rows, dim);
}

/** Of unit rows, so that long ones do not speak louder. */
function meanDirection(matrix: Matrix, rows: readonly number[]): Float32Array {
  const sum = new Float32Array(matrix.width);
  for (const i of rows) {
    const vector = row(matrix, i);
    const length = norm(vector) || 1;
    for (let j = 0; j < sum.length; j++) sum[j]! += vector[j]! / length;
  }
  return sum;
}
