import { expect, test } from "@jest/globals";
import { join } from "node:path";
import { candidateCount } from "../../crypto/index.ts";
import { encoderInput } from "../../party-node/documents/index.ts";
import { type Encoder, openEncoder } from "../../party-node/encoders/index.ts";
import { measureCollection } from "../../party-node/outsourced/index.ts";
import { openSqliteStore } from "../../party-node/store/index.ts";
import { seededRandom } from "../../simulations/seeded-random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Documents of two passages each. */
async function measured(encoder: Encoder, texts: readonly string[]) {
  using folder = temporaryFolder();
  const storeKey = new Uint8Array(32);
  using cleanup = new DisposableStack();
  const ledger = openSqliteStore({ path: join(folder.path, "ledger.db"), storeKey, rowsPerBlock: 64 });
  cleanup.defer(() => {
    ledger.close();
  });
  const statistics = encoder.statistics();
  for (const text of texts) statistics.add(text);
  for (let i = 0; i < texts.length; i += 2) {
    const documentId = `d${String(i)}`;
    const passages = texts.slice(i, i + 2).map((text, ordinal) => ({ documentId, title: "", text, ordinal }));
    const vectors = await encoder.encodePassages(passages.map(encoderInput), statistics);
    ledger.apply({ put: [{ documentKey: documentId, contentHash: "0", passages, vectors }], remove: [] });
  }
  return await measureCollection(ledger, encoder);
}

/** Of ten topics' words. */
function texts(count: number): string[] {
  const random = seededRandom(5);
  const word = (topic: number): string => `t${String(topic)}w${String(Math.floor(40 * random()))}`;
  return Array.from({ length: count }, (_, i) => Array.from({ length: 30 }, () => word(i % 10)).join(" "));
}

test("a question's own document does not count", async () => {
  const encoder = await openEncoder("lexical:4096");
  const unlike = Array.from({ length: 100 }, (_, i) =>
    Array.from({ length: 30 }, (_, j) => `d${String(i)}w${String(j)}`).join(" "),
  );
  // Each text twice: in one document, and in two.
  const inOne = unlike.flatMap((text) => [text, text]);
  const inTwo = unlike.flatMap((text, i) => [text, unlike[(i + 1) % 100]!]);
  const [together, apart] = [await measured(encoder, inOne), await measured(encoder, inTwo)];
  expect(together).toMatchObject({ rowCount: 200 });
  expect(together?.questions).toHaveLength(48);
  const best = (of: typeof apart): number[] => of!.questions.map(([first]) => first!);
  expect(Math.max(...best(together))).toBeLessThan(0.5 * Math.min(...best(apart)));
  await encoder.close();
});

test("openings without words are no questions", async () => {
  const encoder = await openEncoder("lexical:256");
  const some = await measured(
    encoder,
    texts(400).map((text, i) => (i % 5 < 2 ? `${"-- ".repeat(12)}${text}` : text)),
  );
  expect(some?.questions.length).toBeGreaterThan(10);
  expect(some?.questions.length).toBeLessThan(48);
  // One question of no words alone, to which all rows are equal, would have a host return nearly all of them.
  const { candidates } = candidateCount({ k: 10, noise: 0.1, profile: some!, rowCount: 400 });
  expect(candidates).toBeLessThan(40);
  expect(await measured(encoder, ["--", "++"])).toBeNull();
  expect(await measured(encoder, [])).toBeNull();
  await encoder.close();
});
