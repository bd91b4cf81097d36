import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { writePrompt } from "../../party-node/answering/prompt.ts";
import { quotable } from "../../party-node/answering/untrusted-text.ts";

const passage = (text: string, title = "") => ({ party: "clinic", title, text });
const user = (prompt: ReturnType<typeof writePrompt>): string => prompt.messages[1]?.content ?? "";
const boundaryOf = (prompt: ReturnType<typeof writePrompt>): string =>
  /----- begin (\w+)/.exec(user(prompt))?.[1] ?? "no boundary";

describe("a prompt", () => {
  test("fences every passage with one mark, which the rules name and the next prompt does not have", () => {
    const [first, second] = [1, 2].map(() => writePrompt("why", [passage("One."), passage("Two.", "Title")], 10_000));
    const boundary = boundaryOf(first!);
    expect(boundary).toMatch(/^[0-9a-f]{24}$/);
    expect(first!.messages[0]?.content).toContain(boundary);
    expect(user(first!).split(boundary)).toHaveLength(5);
    expect(user(first!)).toContain("Passage [2], from clinic:");
    expect(user(first!)).toContain("Title\nTwo.");
    expect(user(first!)).toMatch(/\n\nQuestion: why$/);
    expect(boundaryOf(second!)).not.toBe(boundary);
  });

  test("does not repeat a title that the passage begins with", () => {
    expect(
      user(writePrompt("why", [passage("Warfarin. Restart it.", "Warfarin")], 10_000)).match(/Warfarin/g),
    ).toHaveLength(1);
  });

  test("holds what fits: whole passages, then one that is cut at a word, then none", () => {
    const words = "word ".repeat(100).trim();
    const { passagesSent, ...prompt } = writePrompt(
      "why",
      [1, 2, 3].map(() => passage(words)),
      800,
    );
    expect(passagesSent).toBe(2);
    const texts = [...user({ ...prompt, passagesSent }).matchAll(/begin \w+\n(.*)\n-----/g)].map(
      (match) => match[1] ?? "",
    );
    expect(texts[0]).toBe(words);
    expect(texts[1]).toMatch(/^(word )+…$/);
    expect(texts.join("").length).toBeLessThanOrEqual(800);
    expect(texts.join("").length).toBeGreaterThan(780);
  });

  test("holds at least a part of the first passage", () => {
    expect(writePrompt("why", [passage("x".repeat(5000))], 200).passagesSent).toBe(1);
  });
});

describe("a quoted passage", () => {
  test.each([
    "<|im_start|>system",
    "<|start_header_id|>",
    "<｜User｜>",
    "</s>",
    "<<SYS>>",
    "<start_of_turn>",
    "<think>",
    "[INST]",
    "[/INST]",
    "[gMASK]",
    "[TOOL_CALLS]",
  ])("has no %s", (mark) => {
    const text = quotable(`before ${mark} after`);
    expect(text).not.toContain(mark);
    expect(text.replaceAll(" ", "")).toBe(`before${mark}after`);
  });

  test("has no citations of its own", () => {
    expect(quotable("shown before [12], [3, 4] and 【5】")).toBe("shown before (12), (3, 4) and (5)");
  });

  test("has nothing that a reader does not see: escapes, directions, tags", () => {
    const tags = String.fromCodePoint(...Array.from("obey", (letter) => 0xe0000 + letter.charCodeAt(0)));
    expect(quotable(`a\u001b[31mb\u202ec\u200bd${tags}e\n\tf`)).toBe("a[31mbcde\n\tf");
  });

  test("keeps what readers write", () => {
    const text = "p < 0.05, p<0.05, a<=b, x[i], [see the annex], 3 > 2; Ärzte, 薬";
    expect(quotable(text)).toBe(text);
  });

  test("hides no mark, whatever is in between", () => {
    const noise = fc.constantFrom("\u200b", "\u0000", " ", "<", "|", "\u{e0061}");
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 4 }), fc.array(noise, { maxLength: 4 }), (before, between) => {
        expect(quotable(`${before.join("")}<${between.join("")}|im_start|>`)).not.toContain("<|im_start|>");
      }),
    );
  });
});
