import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { scoreStandardDeviation } from "../../crypto/index.ts";
import type { CitedPassage } from "../../party-node/asking/result.ts";
import { CollectionReader, SeenSequences } from "../../party-node/outsourced/index.ts";
import { corpus } from "../federation/corpora.ts";
import { TestFederation } from "../support/federation.ts";
import { type OwnedCollection, TestMember, exactRanking, outcomeOf, steadyEncoder } from "../support/hosted.ts";

/** What single precision may change in an inner product of opened and encoded unit vectors. */
const ROUNDING = 2e-6;
const questions = ["fghi case", "what does it say of nqsv", "case wzcg case", "xyzw qrst"];
const encoder = steadyEncoder();
/** One corpus in three parts, so that every question finds something in each. */
const all = Object.entries(corpus("case", 190));
const part = (from: number, to: number) => Object.fromEntries(all.slice(from, to));

let f: TestFederation;
let clinic: TestMember;
let reader: TestMember;
let notes: OwnedCollection;
let files: OwnedCollection;
beforeAll(async () => {
  f = await TestFederation.start({
    corpora: { alpha: part(0, 50), host: {} },
    queriers: ["clinic", "reader"],
    hosts: { host: { owners: ["clinic"] } },
    encoder,
    scoreBits: 24,
  });
  clinic = await TestMember.open(f, "clinic");
  reader = await TestMember.open(f, "reader");
  notes = await clinic.create("notes", { mode: "outsourced", epsilon: 2e4 });
  files = await clinic.create("files", { mode: "double" });
  await notes.ingest(part(50, 120));
  await files.ingest(part(120, 190));
  await notes.owner.changeReaders({ add: "reader" });
  await files.owner.changeReaders({ add: "reader" });
  await reader.accept();
});
afterAll(async () => {
  clinic[Symbol.dispose]();
  reader[Symbol.dispose]();
  await f[Symbol.asyncDispose]();
});

const where = ({ party, documentId }: { party: string; documentId: string }): string => `${party}/${documentId}`;
const owned = (collection: OwnedCollection) => collection.rows().map((row) => ({ ...row, party: "clinic" }));

/** Place for place the exact scores, each of a row that has it. Rows that are closer than the tolerance may have changed places. */
async function expectExact(
  question: string,
  passages: readonly Omit<CitedPassage, "title" | "ordinal">[],
  rows: readonly { party: string; documentId: string; text: string; vector: Float32Array }[],
  tolerance: number,
): Promise<void> {
  const exact = await exactRanking(question, rows, encoder);
  expect(new Set(passages.map(where)).size).toBe(passages.length);
  for (const [i, passage] of passages.entries()) {
    const row = exact.find((one) => where(one) === where(passage))!;
    expect(passage.text).toBe(row.text);
    expect(Math.abs(passage.score - row.score)).toBeLessThan(tolerance);
    expect(Math.abs(passage.score - exact[i]!.score)).toBeLessThan(tolerance);
  }
}

describe.each(["clinic-notes", "clinic-files"])("%s", (name) => {
  test.each(questions)("gives a reader the plaintext ranking with its exact scores: %s", async (question) => {
    const reading = new CollectionReader({
      entry: reader.keyring.require(name),
      session: reader.host().session,
      seen: new SeenSequences(null),
    });
    const { passages, rowCount } = await reading.ask(await encoder.encodeQuery(question), 20);
    reading.close();
    expect([passages.length, rowCount]).toEqual([20, 70]);
    const cited = passages.map((passage) => ({ ...passage, party: "clinic" }));
    await expectExact(question, cited, owned(name === "clinic-notes" ? notes : files), ROUNDING);
  });
});

test.each(questions)("three modes are merged into the one plaintext ranking of all: %s", async (question) => {
  const client = await reader.client();
  const { passages } = await client.query(question, { k: 20 }).result;
  const rows = [...f.party("alpha").rows(), ...owned(notes), ...owned(files)];
  const tolerance = 6 * scoreStandardDeviation(f.layout);
  await expectExact(question, passages, rows, tolerance);
  expect(new Set(passages.map(({ collection }) => collection ?? "alpha")).size).toBe(3);
  expect(passages.map(({ score }) => score)).toEqual(passages.map(({ score }) => score).toSorted((a, b) => b - a));
  client.close();
});

test("the outcome of a collection says how it was asked", async () => {
  const client = await reader.client();
  const result = await client.query(questions[0]!, { k: 5 }).result;
  expect(outcomeOf(result, "clinic-notes")).toMatchObject({
    party: "clinic",
    status: "answered",
    passagesScored: 70,
    collection: { host: "host", mode: "outsourced", beta: 0.01, epsilon: 2e4 },
  });
  expect(outcomeOf(result, "clinic-files")).toMatchObject({
    party: "clinic",
    status: "answered",
    passagesScored: 70,
    collection: { host: "host", mode: "double", beta: 0.01, epsilon: null },
  });
  for (const name of ["clinic-notes", "clinic-files"]) {
    const { candidates, missShare } = outcomeOf(result, name).collection!;
    expect(candidates).toBeGreaterThanOrEqual(8);
    expect(candidates).toBeLessThan(70);
    expect(missShare).toBeLessThanOrEqual(0.005);
  }
  client.close();
});

test("its owner reads it as a reader does", async () => {
  const client = await clinic.client();
  const { passages } = await client.query(questions[0]!, { k: 20 }).result;
  const rows = [...f.party("alpha").rows(), ...owned(notes), ...owned(files)];
  await expectExact(questions[0]!, passages, rows, 6 * scoreStandardDeviation(f.layout));
  expect(new Set(passages.map(({ collection }) => collection))).toEqual(new Set([undefined, "notes", "files"]));
  client.close();
});

test("noise makes the reader ask for more rows, up to all of them, and the ranking stays exact", async () => {
  const loud = await clinic.create("loud", { beta: 1 });
  await loud.ingest(corpus("loud", 40));
  const client = await clinic.client();
  for (const question of questions) {
    const result = await client.query(question, { k: 32 }).result;
    expect(outcomeOf(result, "loud").collection!.candidates).toBe(40);
    const hosted = result.passages.filter(({ collection }) => collection === "loud");
    await expectExact(question, hosted, owned(loud), ROUNDING);
  }
  client.close();
  await loud.owner.erase();
});
