import { expect, test } from "@jest/globals";
import { PASSAGE_LENGTH_MAX, split } from "../../party-node/documents/index.ts";

const SENTENCE = "The quick brown fox, e.g. the one of last week, jumps over 3.5 dogs. ";
const letters = (text: string): string => text.replace(/\s+/g, "");

test.each([
  { id: "nothing", text: " \n\n\t\n", passages: [] },
  { id: "one short paragraph", text: "\n Hello there. \n", passages: ["Hello there."] },
  { id: "short paragraphs stay together", text: "One.\r\n\r\nTwo.\n \nThree.", passages: ["One.\n\nTwo.\n\nThree."] },
  {
    id: "long paragraphs part",
    text: `${"a".repeat(600)}\n\n${"b".repeat(600)}`,
    passages: ["a".repeat(600), "b".repeat(600)],
  },
])("$id", ({ text, passages }) => {
  expect(split(text)).toEqual(passages);
});

test.each([
  { id: "many sentences", text: SENTENCE.repeat(40) },
  { id: "one giant sentence", text: "word ".repeat(1_000) },
  { id: "one giant word", text: "x".repeat(3_333) },
  { id: "emoji without spaces", text: "é😀".repeat(1_001) },
  { id: "many paragraphs", text: Array.from({ length: 60 }, (_, i) => SENTENCE.repeat(1 + (i % 5))).join("\n\n") },
  { id: "Chinese", text: "我们的文件没有空格。".repeat(300) },
])("$id: nothing is lost, no passage is too long or tiny", ({ text }) => {
  const passages = split(text);
  expect(letters(passages.join(""))).toBe(letters(text));
  for (const passage of passages) {
    expect(passage.length).toBeLessThanOrEqual(PASSAGE_LENGTH_MAX);
    expect(passage.length).toBeGreaterThanOrEqual(200);
    expect(passage.isWellFormed()).toBe(true);
  }
  expect(passages.length).toBeLessThanOrEqual(Math.ceil(text.length / (0.75 * PASSAGE_LENGTH_MAX)));
});

test("parts between sentences, not at every full stop", () => {
  for (const passage of split(SENTENCE.repeat(40))) {
    expect(passage).toMatch(/^The quick/);
    expect(passage).toMatch(/dogs\.$/);
  }
});

test("a short last paragraph is given a fair share of the one before", () => {
  const lengths = split(`${"One sentence here. ".repeat(52)}\n\nThe end comes now.`).map(({ length }) => length);
  expect(lengths.length).toBe(2);
  expect(Math.min(...lengths)).toBeGreaterThan(400);
});
