import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Reranker, openReranker } from "../../party-node/encoders/index.ts";
import { reranked } from "../../party-node/answering/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type TinyCrossEncoderOptions, writeTinyCrossEncoder } from "./tiny-cross-encoder.ts";
import { TINY_TOKENS } from "./tiny-model.ts";

const folder = temporaryFolder();
const opened: Reranker[] = [];
let folders = 0;
afterEach(async () => {
  await Promise.all(opened.splice(0).map((reranker) => reranker.close()));
});
afterAll(() => folder[Symbol.dispose]());

async function written(options?: TinyCrossEncoderOptions): Promise<string> {
  const path = join(folder.path, String(folders++));
  await writeTinyCrossEncoder(path, options);
  return path;
}

async function open(path: string): Promise<Reranker> {
  const reranker = await openReranker(path);
  opened.push(reranker);
  return reranker;
}

const vectors = Object.fromEntries(TINY_TOKENS);
/** What the tiny model gives for these tokens, by hand. */
function expected(first: readonly string[], second: readonly string[]): number {
  const sum = (tokens: readonly string[]): number[] =>
    [0, 1, 2].map((i) => tokens.reduce((total, token) => total + vectors[token]![i]!, 0));
  const [q, p] = [sum(["[CLS]", ...first, "[SEP]"]), sum([...second, "[SEP]"])];
  return q.reduce((total, entry, i) => total + entry * p[i]!, 0);
}

describe("a re-ranking model", () => {
  test("reads question and passage as the two texts of a pair, whatever else is in the batch", async () => {
    const reranker = await open(await written());
    const scores = await reranker.score("cat", ["dog", "cat", "cold vitamin cat cat", "vitamin"]);
    expect(scores).toEqual([
      expected(["cat"], ["dog"]),
      expected(["cat"], ["cat"]),
      expected(["cat"], ["cold", "vitamin", "cat", "cat"]),
      expected(["cat"], ["vitamin"]),
    ]);
    expect(await reranker.score("cat", ["cat"])).toEqual([scores[1]]);
    expect(await reranker.score("cat", [])).toEqual([]);
  });

  test("is given as much of a passage as it takes, its last token kept", async () => {
    const reranker = await open(await written({ maxTokens: 6 }));
    // [CLS] cat [SEP] takes three of six, and one more ends the row.
    expect(await reranker.score("cat", ["dog dog cat cat cat"])).toEqual([expected(["cat"], ["dog", "dog"])]);
  });

  test("is given no more than half of a question that is long", async () => {
    const reranker = await open(await written({ maxTokens: 8 }));
    // Of sixteen letters "cat cat cat cat " is left: four tokens, so that one of the passage fits.
    expect(await reranker.score("cat ".repeat(50), ["dog dog dog"])).toEqual([
      expected(["cat", "cat", "cat", "cat"], ["dog"]),
    ]);
  });

  test("orders passages, more of them than a batch takes", async () => {
    const reranker = await open(await written());
    const passages = Array.from({ length: 100 }, (_, i) => ({
      title: "",
      text: i === 77 ? "cat cat" : i === 55 ? "cat" : "dog",
    }));
    const best = await reranked(passages, { reranker, question: "cat cat", count: 2 });
    expect(best).toEqual([passages[77], passages[55]]);
  });

  test("is found by its file, also in the folder onnx beside the tokenizer's", async () => {
    const path = await written();
    expect(await (await open(join(path, "model.onnx"))).score("cat", ["cat"])).toEqual([expected(["cat"], ["cat"])]);
    mkdirSync(join(path, "onnx"));
    renameSync(join(path, "model.onnx"), join(path, "onnx", "model_small.onnx"));
    expect(await (await open(join(path, "onnx", "model_small.onnx"))).score("cat", ["cat"])).toHaveLength(1);
    await expect(openReranker(path)).rejects.toMatchObject({ code: "MODEL_MISSING" });
    await expect(openReranker(join(path, "onnx", "model.onnx"))).rejects.toMatchObject({ code: "MODEL_MISSING" });
    rmSync(join(path, "tokenizer.json"));
    await expect(openReranker(path)).rejects.toMatchObject({ code: "MODEL_MISSING" });
  });

  test("that gives several numbers a pair is refused", async () => {
    await expect(openReranker(await written({ outputs: 3 }))).rejects.toMatchObject({
      code: "BAD_MODEL",
      message: expect.stringContaining("3 numbers"),
    });
  });
});
