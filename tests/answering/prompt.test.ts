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

  test("is shared: the long get what the short leave, by rank, and each that is cut says so", () => {
    const [short, long] = ["short ".repeat(20).trim(), "word ".repeat(1000).trim()];
    const prompt = writePrompt("why", [passage(long), passage(short), passage(long)], 1500);
    const { sent } = prompt;
    expect(sent.map(({ isCut }) => isCut)).toEqual([true, false, true]);
    const [first, second, third] = sent.map(({ text }) => text);
    expect(first).toMatch(/^(word )+…$/);
    expect(second).toBe(short);
    // A third of 1,500 each; the first gets the 381 that the second leaves.
    expect(first!.length).toBeGreaterThan(870);
    expect(first!.length).toBeLessThanOrEqual(881);
    expect(third!.length).toBeGreaterThan(490);
    expect(third!.length).toBeLessThanOrEqual(500);
    expect(user(prompt)).toMatch(
      /Passage \[1\], from clinic \(only its beginning\):\n[^]*Passage \[2\], from clinic:\n[^]*Passage \[3\], from clinic \(only its beginning\):\n/,
    );
    for (const { text } of sent) expect(user(prompt)).toContain(`\n${text}\n-----`);
  });

  test("holds every passage, however long those before it are", () => {
    const { sent } = writePrompt("why", [passage("x".repeat(1_000_000)), passage("One."), passage("Two.")], 12_000);
    expect(sent.map(({ text }) => text.length)).toEqual([11_992, 4, 4]);
    expect(sent.map(({ isCut }) => isCut)).toEqual([true, false, false]);
  });

  test("leaves the last out where parts would be too short to read", () => {
    const long = passage("word ".repeat(100));
    expect(writePrompt("why", [long, long, long, long, long], 800).sent).toHaveLength(4);
    expect(writePrompt("why", [long, long, passage("One."), long], 599).sent.map(({ text }) => text.length)).toEqual([
      expect.any(Number),
      expect.any(Number),
      4,
    ]);
    expect(writePrompt("why", [long, long], 200).sent).toHaveLength(1);
  });

  test("is never longer than its limit, and leaves no passage out that fits", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 32 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 200, max: 20_000 }), (wanted, charsMax) => {
        const { sent } = writePrompt(
          "why",
          wanted.map((length) => passage("x".repeat(length))),
          charsMax,
        );
        const total = sent.reduce((sum, { text }) => sum + text.length, 0);
        expect(total).toBeLessThanOrEqual(charsMax);
        expect(sent.length).toBeGreaterThan(0);
        for (const [i, { text, isCut }] of sent.entries())
          if (isCut) expect(text.length).toBeGreaterThanOrEqual(200);
          else expect(text).toHaveLength(wanted[i]!);
        // Whatever is cut or left out is so for want of room alone.
        if (sent.length < wanted.length || sent.some(({ isCut }) => isCut))
          expect(total).toBeGreaterThan(charsMax - 200);
      }),
    );
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
