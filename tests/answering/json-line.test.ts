import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { jsonLine, printable } from "../../cli/printable.ts";
import { repository } from "../support/cli.ts";

describe("a line of JSON for standard output", () => {
  test.each([
    ["a control sequence of one character", "\u009b2J", "\\u009b2J"],
    ["delete", "a\u007f", "a\\u007f"],
    ["the direction of text", "a\u202eb\u2066", "a\\u202eb\\u2066"],
    ["tags", "a\u{e0041}", "a\\udb40\\udc41"],
    ["separators of lines", "a\u2028b", "a\\u2028b"],
    ["escape", "\u001b[2J", "\\u001b[2J"],
  ])("escapes %s", (_, text, written) => {
    expect(jsonLine({ [text]: text })).toBe(`{"${written}":"${written}"}\n`);
  });

  test("leaves what readers read, and means the same to a program", () => {
    expect(jsonLine(["Ä 薬 🩺"])).toBe('["Ä 薬 🩺"]\n');
    const unit = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("\u0085", "\u200b", "\u{e0061}", "\udb40", "\\"),
    );
    fc.assert(
      fc.property(fc.array(unit), (units) => {
        const line = jsonLine(units);
        expect(JSON.parse(line)).toEqual(units);
        expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  test("is how every command writes JSON to standard output", () => {
    const folder = join(repository, "cli");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(50);
    expect(
      files.filter((name) => /stdout\.write\([^;]*JSON\.stringify/.test(readFileSync(join(folder, name), "utf8"))),
    ).toEqual([]);
  });
});

test("what is printed for people has no tag whose halves were parted", () => {
  expect(printable("a\udb40\u200b\udc41")).toBe("a\ufffd\ufffd");
});
