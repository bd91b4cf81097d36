import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ReadText } from "../../party-node/documents/document.ts";
import { passagesOf } from "../../party-node/documents/passages-of.ts";
import { readHtml } from "../../party-node/documents/read-html.ts";
import { readMarkdown } from "../../party-node/documents/read-markdown.ts";

const cited = ({ title, sections }: ReadText) =>
  passagesOf("d", title, sections).map(({ place, text }) => [place, text.replace(/\s+/g, " ")]);

const PLACES = [
  [undefined, "Warfarin Intro."],
  ["Dosage > Renal", "Dosage Renal Less."],
  ["Dosage > Liver", "Liver Much less."],
  ["Bleeding", "Bleeding Stop."],
];

test("a passage of Markdown has the path of headings above it, without the document's title", () => {
  const source = "# Warfarin\nIntro.\n## Dosage\n### Renal\nLess.\n### Liver\nMuch less.\n\nBleeding\n---\nStop.\n";
  expect(cited(readMarkdown(source))).toEqual(PLACES);
});

describe("HTML", () => {
  test("has the same places", () => {
    const source =
      "<h1>Warfarin</h1><p>Intro.<h2>Dosage</h2><h3>Renal</h3><p>Less.<h3> Liver\n</h3>Much less.<h2>Bleeding</h2>Stop.";
    expect(cited(readHtml(source))).toEqual(PLACES);
    expect(cited(readHtml(`<title>Handbook</title>${source}`)).map(([place]) => place)).toEqual([
      "Warfarin",
      "Warfarin > Dosage > Renal",
      "Warfarin > Dosage > Liver",
      "Warfarin > Bleeding",
    ]);
  });

  test("an element that has the name of what every object has is read like any other", () => {
    expect(cited(readHtml("<Constructor>one</constructor> <constructor/>two"))).toEqual([[undefined, "one two"]]);
  });

  test("a heading inside a table does not cut its rows, and marks in the source leave nothing behind", () => {
    const table = "<table><tr><td>a</td><td><h2>b</h2></td><td>c</td></tr></table>";
    expect(cited(readHtml(table)).map(([, text]) => text)).toEqual(["a b c"]);
    const marks = "&#xFDD0;1x&#xFDD1; one &#xFDD0;2 <h2>&#xFDD0;3y</h2> two";
    expect(JSON.stringify(cited(readHtml(marks)))).not.toMatch(/[\uFDD0\uFDD1]/);
  });
});

test("long headings are shortened, and so is a long path", () => {
  const source = Array.from({ length: 6 }, (_, i) => `${"#".repeat(i + 1)} ${String(i).repeat(290)}\n`).join("");
  const [place = ""] = cited(readMarkdown(`# T\n\nx\n\n${source}\ntext`)).at(-1) ?? [];
  expect(place.length).toBe(512);
  expect(place).toMatch(/^0{119}… > 1{119}… > .*…$/);
});

test("an offset leads to the passage in the text of all sections", () => {
  const piece = fc.constantFrom("a", "Bc. ", " ", "\n", "\n\n", "\r\n", "\u2028", "word ".repeat(60), "x".repeat(1200));
  const sections = fc.array(fc.record({ text: fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")) }));
  fc.assert(
    fc.property(sections, (all) => {
      const text = all.map((section) => section.text).join("\n\n");
      const solid = (part: string): string => part.replace(/\s+/g, "");
      const passages = passagesOf("d", "", all);
      expect(passages.map(({ ordinal }) => ordinal)).toEqual([...passages.keys()]);
      for (const passage of passages) {
        expect(text.charAt(passage.offset ?? NaN)).toBe(passage.text.charAt(0));
        expect(solid(text.slice(passage.offset)).startsWith(solid(passage.text))).toBe(true);
      }
      expect(solid(passages.map((passage) => passage.text).join(""))).toBe(solid(text));
    }),
    { numRuns: 200 },
  );
});
