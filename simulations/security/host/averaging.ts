import { mean } from "../../metrics.ts";
import { type Matrix, norm, row, squaredDistance } from "../../sealing/matrix.ts";

/**
 * How far the average of t ciphertexts of one question is from its ciphertext without noise, in lengths of that.
 *
 * @param ask - One more ciphertext of every question.
 * @param exact - Without noise, one of every question.
 * @param counts - Values of t, rising.
 * @returns For each t the error of every question.
 */
export async function averagingErrors(
  ask: () => Matrix,
  exact: Matrix,
  counts: readonly number[],
  pause: () => Promise<void>,
): Promise<ReadonlyMap<number, readonly number[]>> {
  const sums = new Float64Array(exact.data.length);
  const errors = new Map<number, readonly number[]>();
  for (let t = 1; t <= counts.at(-1)!; t++) {
    await pause();
    ask().data.forEach((x, i) => (sums[i]! += x));
    if (!counts.includes(t)) continue;
    const average: Matrix = { ...exact, data: Float32Array.from(sums, (sum) => sum / t) };
    const of = (i: number): number => Math.sqrt(squaredDistance(row(average, i), row(exact, i))) / norm(row(exact, i));
    errors.set(
      t,
      Array.from({ length: exact.rows }, (_, i) => of(i)),
    );
  }
  return errors;
}

/** The same error of somebody who answers with the mean of all questions. */
export function errorOfTheMean(questions: Matrix): number {
  const centre = new Float32Array(questions.width);
  for (let i = 0; i < questions.rows; i++) row(questions, i).forEach((x, j) => (centre[j]! += x / questions.rows));
  return mean(Array.from({ length: questions.rows }, (_, i) => Math.sqrt(squaredDistance(row(questions, i), centre))));
}

/** Half the mean distance of a unit question to the most alike other one: an average that is nearer than that to a question is nearer to no other. */
export function halfWayToAlike(questions: Matrix, mostAlike: readonly number[]): number {
  const distances = mostAlike.map((other, i) => Math.sqrt(squaredDistance(row(questions, i), row(questions, other))));
  return mean(distances) / 2;
}
