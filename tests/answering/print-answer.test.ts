import { expect, jest, test } from "@jest/globals";
import { stripVTControlCharacters } from "node:util";
import { printSources } from "../../cli/print-answer.ts";
import type { Answer, CheckedCitation } from "../../party-node/answering/index.ts";
import type { CitedPassage } from "../../party-node/asking/index.ts";

const passage = (documentId: string): CitedPassage => ({
  party: "clinic",
  documentId,
  ordinal: 0,
  title: "",
  text: `The words of ${documentId}.`,
  score: 0.5,
});
const answer = (more: Partial<Answer>): Answer => ({
  text: "It may [1].",
  isComplete: true,
  passagesSent: 2,
  passagesCut: [],
  citations: [{ number: 1, sentence: "It may." }],
  hasMoreCitations: false,
  ...more,
});

function printed(given: Answer): string {
  const said: string[] = [];
  const write = jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    said.push(String(text));
    return true;
  });
  try {
    printSources(given, [passage("a.txt"), passage("b.txt")]);
  } finally {
    write.mockRestore();
  }
  return stripVTControlCharacters(said.join(""));
}

test("a number that names no passage is said once, however often it is cited", () => {
  const citation = (number: number, sentence: string): CheckedCitation => ({
    number,
    sentence,
    flag: "no-such-passage",
  });
  const citations = [citation(9, "First."), citation(8, "Second."), citation(9, "Third.")];
  expect(printed(answer({ citations })).match(/check: .*/g)).toEqual([
    'check: the answer cites [9], but the model was sent 2 passages: "First."',
    'check: the answer cites [8], but the model was sent 2 passages: "Second."',
  ]);
});

test("a passage of which the model was sent only the beginning says so", () => {
  const cut = /the model was sent only its beginning/;
  expect(printed(answer({ passagesCut: [2] }))).toMatch(
    /\[2\] clinic · b\.txt {2}not cited\n +too long .*--prompt-chars\)\n$/,
  );
  expect(printed(answer({ passagesCut: [1] }))).toMatch(/words of a\.txt\.\n +too long [^]*\[2\]/);
  expect(printed(answer({}))).not.toMatch(cut);
});

test("an answer with more citations than are checked says so", () => {
  expect(printed(answer({ hasMoreCitations: true }))).toMatch(
    /too many citations: only the first were checked, 1 in all/,
  );
  expect(printed(answer({}))).not.toMatch(/too many/);
});
