import { describe, expect, test } from "@jest/globals";
import { answerLimits, checkCitations } from "../../party-node/answering/index.ts";
import { citedClaims } from "../../party-node/answering/citations.ts";

describe("a citation belongs to", () => {
  test.each<[string, string, [string, number[]][]]>([
    ["the sentence that it ends", "Restart it on day seven [1].", [["Restart it on day seven.", [1]]]],
    [
      "the sentence before it",
      "Restart it. [1] Wait for a week. [2]",
      [
        ["Restart it.", [1]],
        ["Wait for a week.", [2]],
      ],
    ],
    [
      "that also without a space",
      "Restart it.[1] Wait a week.[2]",
      [
        ["Restart it.", [1]],
        ["Wait a week.", [2]],
      ],
    ],
    ["all that are named", "Restart it [2, 1; 4].", [["Restart it.", [2, 1, 4]]]],
    ["a range", "Restart it [2-4] [5–6].", [["Restart it.", [2, 3, 4, 5, 6]]]],
    ["one place, written as several", "Restart it [1][3], [1].", [["Restart it", [1, 3]]]],
    [
      "the part of the sentence before it",
      "Warfarin is restarted after a week [1], aspirin is not restarted at all [2].",
      [
        ["Warfarin is restarted after a week", [1]],
        ["aspirin is not restarted at all", [2]],
      ],
    ],
    [
      "the whole sentence where that part is none",
      "According to [2] and to [3], warfarin may be restarted.",
      [
        ["According to and to, warfarin may be restarted.", [2]],
        ["According to and to, warfarin may be restarted.", [3]],
      ],
    ],
    ["what follows where it begins the line", "[2] says it all. It does.", [["says it all.", [2]]]],
    [
      "its own line",
      "- Restart it [1]\n- Wait [2]",
      [
        ["Restart it", [1]],
        ["Wait", [2]],
      ],
    ],
    ["brackets of other scripts", "再開できます【1】。", [["再開できます。", [1]]]],
    ["nothing, where there is no number", "See [a], [2024], [] and array[i].", []],
    ["both ends of a range without end", "Restart it [1-999].", [["Restart it.", [1, 999]]]],
  ])("%s", (_, text, expected) => {
    expect(citedClaims(text).claims.map(({ sentence, numbers }) => [sentence, numbers])).toEqual(expected);
  });
});

const passages = [
  "Warfarin\nWarfarin may be restarted on day seven, when haemoglobin stays above eighty.",
  "Late fines are forgiven for everybody under sixteen, and at Christmas for all.",
  "Vault\nTwo keys open the vault, and no person ever carries both of them.",
];
const flagged = (answer: string): unknown[] =>
  checkCitations(answer, passages).citations.map(({ number, flag, better }) => [number, flag, better]);

describe("a citation is flagged", () => {
  test("not, where the passage has the sentence's words", () => {
    expect(flagged("Restart warfarin on day seven [1]. Fines of everybody under sixteen are forgiven [2].")).toEqual([
      [1, undefined, undefined],
      [2, undefined, undefined],
    ]);
  });

  test("where no passage has the number", () => {
    expect(flagged("Restart warfarin [0]. On day seven [4, 1].")).toEqual([
      [0, "no-such-passage", undefined],
      [4, "no-such-passage", undefined],
      [1, undefined, undefined],
    ]);
  });

  test("where another passage has the words", () => {
    expect(flagged("Two keys open the vault [2].")).toEqual([[2, "another-fits-better", 3]]);
  });

  test("not for one of several whose words are divided among them", () => {
    expect(flagged("Warfarin is restarted on day seven, and two keys open the vault [1, 3].")).toEqual([
      [1, undefined, undefined],
      [3, undefined, undefined],
    ]);
  });

  test("where no passage has the words", () => {
    expect(flagged("Submarines dive beneath polar ice [1].")).toEqual([[1, "few-shared-words", undefined]]);
  });

  test("not, where the sentence has too few words to say", () => {
    expect(flagged("Source: [3]")).toEqual([[3, undefined, undefined]]);
  });

  test("also in scripts that write no spaces", () => {
    const japanese = ["ワルファリンは七日目に再開できます。ヘモグロビンを確認してください。"];
    const flags = (answer: string): unknown[] => checkCitations(answer, japanese).citations.map(({ flag }) => flag);
    expect(flags("ワルファリンは七日目に再開できます[1]。")).toEqual([undefined]);
    expect(flags("金庫を開けるには二つの鍵が必要です[1]。")).toEqual(["few-shared-words"]);
  });
});

describe("an answer with more citations than an honest one", () => {
  const { citedPlacesMax, citationsMax } = answerLimits;
  const filled = (piece: string): string => piece.repeat(Math.floor(answerLimits.answerCharsMax / piece.length));

  // Each took seconds, or gave a citation for every other character.
  test.each<[string, string, number]>([
    ["at every word", filled("a [1]"), citedPlacesMax],
    ["in ranges", filled("ab [1-65] "), citationsMax],
    ["in one place with nothing before it", filled("[1-65]"), 0],
    ["in one place", `Word ${filled("[1-65][2]")}`, 65],
    ["in one pair of brackets", `Word [${filled("1-65,")}1]`, 65],
    ["in clauses", filled("one two three four [1] "), citedPlacesMax],
    ["in sentences", filled("Ab. [1] "), citationsMax],
    ["in lines", filled("ab [1]\n"), citationsMax],
    ["of brackets without end", filled("[1,2,3,4-65,"), 0],
  ])("%s is checked in a moment, as far as the limits go", (_, answer, count) => {
    const began = performance.now();
    const { citations, hasMore } = checkCitations(answer, [...passages, filled("Warfarin may be restarted. ")]);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(citations).toHaveLength(count);
    expect(hasMore).toBe(count === citedPlacesMax || count === citationsMax);
  });

  test("keeps those of its other sentences", () => {
    const { citations, hasMore } = checkCitations(`${"a [1] ".repeat(40)}end. Two keys open the vault [3].`, passages);
    expect(hasMore).toBe(true);
    expect(citations).toHaveLength(citedPlacesMax + 1);
    expect(citations.at(-1)).toEqual({ number: 3, sentence: "Two keys open the vault." });
  });

  test("has those that the limit allows, also within one place", () => {
    const { claims, hasMore } = citedClaims("ab cd [1-60]. ".repeat(5));
    expect(claims.map(({ numbers }) => numbers.length)).toEqual([60, 60, 60, 60, 16]);
    expect(hasMore).toBe(true);
    expect(citedClaims("ab cd [1-64]. ".repeat(4))).toMatchObject({ hasMore: false });
  });
});
