import { expect, test } from "@jest/globals";
import { alongAxes, guessQuestions } from "../../simulations/security/parties/guess-questions.ts";
import { matrixOf } from "../../simulations/sealing/matrix.ts";

const signal = new AbortController().signal;
/** Four questions, each with a coordinate of its own. */
const questions = matrixOf(
  [0, 1, 2, 3].map((i) => Float32Array.from({ length: 4 }, (_, j) => (i === j ? 1 : 0.1))),
  4,
);

test("rows along axes name questions that differ in their largest coordinate", async () => {
  expect(await guessQuestions({ planted: alongAxes(4, 1), others: null, questions, k: 1, signal })).toBe(1);
});

test("where other parties' rows rank higher nothing is fetched, and the guess is one in all", async () => {
  const others = matrixOf(
    [0, 1, 2, 3].map((i) => Float32Array.from({ length: 4 }, (_, j) => (i === j ? 9 : 0))),
    4,
  );
  expect(await guessQuestions({ planted: alongAxes(4, 1), others, questions, k: 1, signal })).toBe(0.25);
});
