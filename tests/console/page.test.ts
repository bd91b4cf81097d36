import { describe, expect, test } from "@jest/globals";
import { oneLine } from "../../console/page/format.ts";
import { paragraphsOf } from "../../console/page/paragraphs.ts";

const long = "a line that was broken to fit the width of a page, then";

describe("the paragraphs of a text", () => {
  test.each([
    { id: "are parted by empty lines", text: "one\n\n \ntwo\n", paragraphs: ["one", "two\n"] },
    { id: "have broken lines joined", text: `${long}\ngoes on`, paragraphs: [`${long} goes on`] },
    { id: "keep short lines", text: "a list\nof two", paragraphs: ["a list\nof two"] },
    { id: "keep items", text: `${long}\n- one\n2. two`, paragraphs: [`${long}\n- one\n2. two`] },
    { id: "join to what was joined", text: `${long}\nx\ny`, paragraphs: [`${long} x y`] },
  ])("$id", ({ text, paragraphs }) => {
    expect(paragraphsOf(text)).toEqual(paragraphs);
  });

  test("take time in proportion to it", () => {
    const text = `${long}${"\nx".repeat(500_000)}`;
    const began = performance.now();
    expect(paragraphsOf(text)[0]).toHaveLength(text.length);
    expect(performance.now() - began).toBeLessThan(1500);
  });
});

test("foreign text for one line has no characters that reorder others, and no line ends", () => {
  expect(oneLine("a\u202Eb\u2066c\u200Fd\u00ADe\n\u2028f")).toBe("abcde f");
});
