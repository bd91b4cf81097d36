import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { printPassages } from "../../cli/print-passages.ts";
import type { SottoClient } from "../../party-node/asking/client.ts";
import { type Nearness, rowsToFetch, showOnce } from "../../party-node/asking/near-duplicates.ts";
import type { CitedPassage } from "../../party-node/asking/result.ts";
import { TextCodes } from "../../party-node/asking/text-codes.ts";
import { openLexical } from "../../party-node/encoders/index.ts";
import { TestFederation } from "../support/federation.ts";

const WARFARIN =
  "Warfarin is restarted on the seventh day after a bleeding ulcer once the haemoglobin has been stable, and the ward pharmacist and the gastroenterologist decide together";
const form = (name: string): string =>
  `What are the signs and symptoms of ${name}? The ontology provides the following list of signs and symptoms for ${name}. The table below includes how often a symptom is seen in people with this condition, where that is known.`;

const encoder = await openLexical(256);
const codes = new TextCodes(encoder);

describe("passages of two parties", () => {
  const passages = (texts: Readonly<Record<string, string>>): CitedPassage[] =>
    Object.entries(texts).map(([name, text], i) => {
      const [party = "", documentId = ""] = name.split("/");
      return { party, documentId, title: "", text, ordinal: 0, score: 1 - i / 10 };
    });
  const joined = async (texts: Readonly<Record<string, string>>, by: Nearness = codes): Promise<string[]> =>
    (await showOnce(passages(texts), by)).map(({ party, documentId, alsoFrom = [] }) =>
      [
        `${party}/${documentId}`,
        ...alsoFrom.map((other) => `${other.party}/${other.documentId}${other.identical ? "" : " nearly"}`),
      ].join(" = "),
    );

  test("with the same words are one, whatever is between the words", async () => {
    expect(
      await joined({
        "alpha/a": WARFARIN,
        "beta/b": "something else",
        "gamma/c": `${WARFARIN.toUpperCase().replaceAll(" ", "\n  ")}.`,
      }),
    ).toEqual(["alpha/a = gamma/c", "beta/b"]);
  });

  test("of which one has a heading or an end that the other has not are one, nearly", async () => {
    expect(await joined({ "alpha/a": WARFARIN, "beta/b": `Restarting: ${WARFARIN}` })).toEqual([
      "alpha/a = beta/b nearly",
    ]);
    expect(await joined({ "alpha/a": WARFARIN, "beta/b": WARFARIN.replace(/ once .*/, "") })).toHaveLength(2);
  });

  test.each([
    ["the name", form("Kawasaki syndrome"), form("Sillence syndrome")],
    ["a number", `${WARFARIN} 5 mg`, `${WARFARIN} 50 mg`],
    ["a number more", WARFARIN, `${WARFARIN} 5`],
    ["a comparison", `${WARFARIN}, INR < 3`, `${WARFARIN}, INR > 3`],
    ["a sign", `${WARFARIN} at -5 degrees`, `${WARFARIN} at 5 degrees`],
    ["a decimal point", `${WARFARIN}, 1.5 mg`, `${WARFARIN}, 1/5 mg`],
    ["a power", `${WARFARIN}, 10² cells`, `${WARFARIN}, 102 cells`],
    ["the order of words", `heparin before surgery, ${WARFARIN}`, `surgery before heparin, ${WARFARIN}`],
    ["a negation", WARFARIN, WARFARIN.replace("is restarted", "is not restarted")],
  ])("that differ in %s are two, whatever their codes say", async (_, one, other) => {
    const anyNear = { compare: () => Promise.resolve(() => true) };
    expect(await joined({ "alpha/a": one, "beta/b": other }, anyNear)).toEqual(["alpha/a", "beta/b"]);
  });

  test("are not joined through a third, and one party's own are left alone", async () => {
    expect(
      await joined({
        "alpha/a": WARFARIN,
        "alpha/b": WARFARIN,
        "beta/c": WARFARIN,
        "beta/d": WARFARIN,
        "gamma/e": "x",
      }),
    ).toEqual(["alpha/a = beta/c", "alpha/b = beta/d", "gamma/e"]);
    expect(await joined({ "alpha/a": WARFARIN, "alpha/b": WARFARIN })).toEqual(["alpha/a", "alpha/b"]);
  });

  test("are encoded only where their words leave a doubt", async () => {
    const asked: (readonly string[])[] = [];
    const watched = { compare: (texts: readonly string[]) => (asked.push(texts), codes.compare(texts)) };
    await showOnce(passages({ "alpha/a": WARFARIN, "beta/b": WARFARIN, "gamma/c": form("x") }), watched);
    expect(asked).toEqual([]);
    const longer = `Restarting: ${WARFARIN}`;
    await showOnce(passages({ "alpha/a": WARFARIN, "beta/b": longer, "gamma/c": form("x") }), watched);
    expect(asked).toEqual([[WARFARIN, longer]]);
  });
});

test("half as many rows again are fetched, within one fetch, and no more from a single source", () => {
  expect([1, 3, 5, 10, 30, 32].map((k) => rowsToFetch(k, 3))).toEqual([2, 5, 8, 15, 32, 32]);
  expect(rowsToFetch(5, 1)).toBe(5);
});

/** What people read of passages, a line each. */
function printed(passages: readonly CitedPassage[]): string[] {
  let text = "";
  const out = new Writable({
    write: (chunk: Buffer, _, done) => {
      text += chunk.toString();
      done();
    },
  });
  printPassages(passages, out);
  return stripVTControlCharacters(text).split("\n");
}

test("people read what one party has in two documents once, and a heading on a line of its own", () => {
  const own = { party: "alpha", title: "", ordinal: 0, score: 1 };
  const text = "Restarting\n\nOn the seventh day.";
  expect(
    printed([
      { ...own, documentId: "a.md", text },
      { ...own, documentId: "b.md", text: text.replaceAll("\n", " ") },
      { ...own, documentId: "c.md", text: "Never." },
    ]),
  ).toEqual([
    "",
    "[1] alpha · a.md  score 1.000",
    "    Restarting",
    "    On the seventh day.",
    "",
    "[2] alpha · b.md  score 1.000",
    "    the same words as [1]",
    "",
    "[3] alpha · c.md  score 1.000",
    "    Never.",
    "",
  ]);
});

test("people read who else holds a passage", () => {
  const source = { documentId: "notes.md", title: "" };
  const alsoFrom = [
    { party: "beta", ...source, ordinal: 2, identical: true },
    { party: "gamma", ...source, ordinal: 0, identical: false },
  ];
  const lines = printed([{ party: "alpha", ...source, ordinal: 0, text: WARFARIN, score: 1, alsoFrom }]);
  expect(lines.slice(-3)).toEqual([
    "    also held by beta · notes.md · passage 3",
    "    nearly the same held by gamma · notes.md",
    "",
  ]);
});

describe("a federation with copies", () => {
  const shared = Object.fromEntries([1, 2].map((i) => [`shared${String(i)}`, `${WARFARIN} ${"ab"[i - 1]!.repeat(4)}`]));
  const corpora = {
    alpha: { ...shared, own: "the bank pauses a mortgage for three months" },
    beta: { ...shared, other: "warfarin and the ulcer, a note on the haemoglobin of the ward" },
    gamma: { only: "the ward pharmacist restarted warfarin after an ulcer" },
  };
  const question = "when is warfarin restarted after a bleeding ulcer";
  let f: TestFederation;
  let client: SottoClient;
  let fetches: number[] = [];
  beforeAll(async () => {
    f = await TestFederation.start({
      corpora,
      encoder,
      observer: ({ type, direction, bytes }) => {
        if (type === "relay" && direction === "in") fetches.push(bytes);
      },
    });
    client = await f.client();
  });
  afterAll(async () => {
    await f[Symbol.asyncDispose]();
  });

  test("a passage that several hold is shown once with all its sources, and k different ones are shown", async () => {
    const { passages } = await client.query(question, { k: 4 }).result;
    expect(passages).toHaveLength(4);
    expect(new Set(passages.map(({ text }) => text)).size).toBe(4);
    const joined = passages.filter(({ alsoFrom }) => alsoFrom);
    expect(
      joined.map(({ party, alsoFrom = [] }) => [party, ...alsoFrom.map((other) => other.party)].toSorted()),
    ).toContainEqual(["alpha", "beta"]);
    for (const { documentId, alsoFrom = [] } of joined)
      for (const other of alsoFrom) expect(other).toMatchObject({ documentId, ordinal: 0 });
    expect(passages.map(({ score }) => score)).toEqual(passages.map(({ score }) => score).toSorted((a, b) => b - a));
  });

  test("keepDuplicates shows each, and nothing but the ranking", async () => {
    const kept = await client.query(question, { k: 4, keepDuplicates: true }).result;
    const ranking = (await f.plaintextRanking(question)).slice(0, 4);
    expect(kept.passages.map(({ party, text }) => `${party} ${text}`).toSorted()).toEqual(
      ranking.map(({ party, text }) => `${party} ${text}`).toSorted(),
    );
    expect(kept.passages.some(({ alsoFrom }) => alsoFrom)).toBe(false);
    expect(new Set(kept.passages.map(({ text }) => text)).size).toBeLessThan(4);
    const once = await client.query(question, { k: 4 }).result;
    expect(once.passages[0]?.score).toBeCloseTo(kept.passages[0]?.score ?? NaN, 1);
  });

  test("the coordinator sees the same of a question with copies and one without, shown once or kept", async () => {
    const seen: number[][] = [];
    for (const [asked, keepDuplicates] of [
      [question, false],
      ["does the bank pause a mortgage", false],
      [question, true],
    ] as const) {
      fetches = [];
      await client.query(asked, { keepDuplicates }).result;
      seen.push(fetches.toSorted((a, b) => a - b));
    }
    expect(seen[0]?.length).toBeGreaterThan(0);
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
  });

  test("an option that is no yes or no is refused", () => {
    expect(() => client.query("x", { keepDuplicates: "yes" as unknown as boolean })).toThrow(TypeError);
  });
});
