import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { Encoder } from "../../party-node/encoders/encoder.ts";
import { openEncoder } from "../../party-node/encoders/open-encoder.ts";
import { openOnnx } from "../../party-node/encoders/onnx.ts";
import { encoderContract } from "./encoder-contract.ts";
import { TINY_TOKENS, writeTinyModel, type TinyOptions } from "./tiny-model.ts";

const POTION = "../shared/models/potion-base-2M";
const vectors = Object.fromEntries(TINY_TOKENS);
let root: string;
let folders = 0;
const opened: Encoder[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "sotto-onnx-"));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((encoder) => encoder.close()));
});
afterAll(() => rm(root, { recursive: true }));

async function tiny(options: TinyOptions = {}): Promise<Encoder> {
  const directory = join(root, String(folders++));
  await writeTinyModel(directory, options);
  const encoder = await openOnnx(directory);
  opened.push(encoder);
  return encoder;
}

/** Mean of the tokens' vectors, at unit norm. */
function meanOf(...tokens: string[]): number[] {
  const sum = [0, 1, 2].map((i) => tokens.reduce((total, token) => total + vectors[token]![i]!, 0));
  return sum.map((entry) => entry / Math.hypot(...sum));
}

function expectVector(actual: Float32Array | undefined, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((entry, i) => {
    expect(actual![i]).toBeCloseTo(entry, 6);
  });
}

encoderContract("onnx, a contextual export", async () => {
  const directory = join(root, "contract");
  await writeTinyModel(directory);
  return openOnnx(directory);
});

describe("onnx", () => {
  test("mean pooling counts special tokens and leaves out padding", async () => {
    const encoder = await tiny();
    const [short, long] = await encoder.encodePassages(["cat", "dog cold cat"], encoder.statistics());
    expectVector(short, meanOf("[CLS]", "cat", "[SEP]"));
    expectVector(long, meanOf("[CLS]", "dog", "cold", "cat", "[SEP]"));
  });

  test("long texts are cut to the model's length and keep their last special token", async () => {
    const encoder = await tiny(); // model_max_length 6
    expectVector(
      await encoder.encodeQuery("cat cat cat dog dog dog dog"),
      meanOf("[CLS]", "cat", "cat", "cat", "dog", "[SEP]"),
    );
    const shorter = await tiny({ files: { "config.json": { max_position_embeddings: 4 } } });
    expectVector(await shorter.encodeQuery("cat cat dog dog"), meanOf("[CLS]", "cat", "cat", "[SEP]"));
    const offset = await tiny({ files: { "config.json": { max_position_embeddings: 6, model_type: "mpnet" } } });
    expectVector(await offset.encodeQuery("cat cat dog dog"), meanOf("[CLS]", "cat", "cat", "[SEP]"));
    const sentence = await tiny({ files: { "sentence_bert_config.json": { max_seq_length: 3 } } });
    expectVector(await sentence.encodeQuery("cat cat dog dog"), meanOf("[CLS]", "cat", "[SEP]"));
  });

  test("unknown words count in a contextual model and are dropped from a static one", async () => {
    const contextual = await tiny();
    expectVector(await contextual.encodeQuery("cat xyz"), meanOf("[CLS]", "cat", "[UNK]", "[SEP]"));
    const fixed = await tiny({ postProcessor: false });
    expectVector(await fixed.encodeQuery("cat xyz"), meanOf("cat"));
    expectVector(await fixed.encodeQuery("xyz"), [0, 0, 0]);
    const [none, some] = await fixed.encodePassages(["xyz", "dog"], fixed.statistics());
    expectVector(none, [0, 0, 0]);
    expectVector(some, meanOf("dog"));
  });

  test("feeds only the inputs the model has, and finds the model in onnx/", async () => {
    const encoder = await tiny({ inputs: ["input_ids"], output: "token_embeddings" });
    expectVector(await encoder.encodeQuery("dog"), meanOf("[CLS]", "dog", "[SEP]"));
    await expect(tiny({ inputs: ["input_ids", "pixel_values"] })).rejects.toMatchObject({ code: "BAD_MODEL" });
  });

  test("follows the folder's pooling and prompts", async () => {
    const first = await tiny({ files: { "1_Pooling/config.json": { pooling_mode_cls_token: true } } });
    expectVector(await first.encodeQuery("dog"), meanOf("[CLS]"));
    const prompts = await tiny({
      files: { "config_sentence_transformers.json": { prompts: { query: "cat ", document: "cold " } } },
    });
    expectVector(await prompts.encodeQuery("dog"), meanOf("[CLS]", "cat", "dog", "[SEP]"));
    expectVector(
      (await prompts.encodePassages(["dog"], prompts.statistics()))[0],
      meanOf("[CLS]", "cold", "dog", "[SEP]"),
    );
  });

  test("many passages of mixed length come back in order", async () => {
    const encoder = await tiny();
    const words = ["cat", "dog", "cold", "vitamin"];
    const texts = Array.from({ length: 300 }, (_, i) =>
      Array.from({ length: 1 + (i % 4) }, (_, j) => words[(i + j * i) % 4]).join(" "),
    );
    const all = await encoder.encodePassages(texts, encoder.statistics());
    all.forEach((vector, i) => {
      expectVector(vector, meanOf("[CLS]", ...texts[i]!.split(" "), "[SEP]"));
    });
  });

  test("any changed file changes the fingerprint", async () => {
    const plain = await tiny();
    const others = [
      await tiny({ postProcessor: false }),
      await tiny({ output: "other" }),
      await tiny({ files: { "config.json": { a: 1 } } }),
    ];
    expect(new Set([plain, ...others].map(({ fingerprint }) => fingerprint)).size).toBe(4);
    expect((await tiny()).fingerprint).toBe(plain.fingerprint);
  });

  test("says what is missing or broken", async () => {
    await expect(openOnnx(join(root, "nowhere"))).rejects.toMatchObject({ code: "MODEL_MISSING" });
    const directory = join(root, "broken");
    await writeTinyModel(directory);
    await writeFile(join(directory, "model.onnx"), "not a model");
    await expect(openOnnx(directory)).rejects.toMatchObject({ code: "BAD_MODEL" });
    await rm(join(directory, "tokenizer.json"));
    await expect(openOnnx(directory)).rejects.toMatchObject({ code: "MODEL_MISSING" });
    await writeFile(join(directory, "tokenizer.json"), "{");
    await expect(openOnnx(directory)).rejects.toMatchObject({ code: "BAD_MODEL" });
  });

  test("SOTTO_DEVICE chooses the device or fails", async () => {
    const before = process.env["SOTTO_DEVICE"];
    try {
      process.env["SOTTO_DEVICE"] = "cpu";
      expect((await tiny()).device).toBe("cpu");
      process.env["SOTTO_DEVICE"] = "abacus";
      await expect(tiny()).rejects.toMatchObject({ code: "BAD_OPTION" });
    } finally {
      if (before === undefined) delete process.env["SOTTO_DEVICE"];
      else process.env["SOTTO_DEVICE"] = before;
    }
  });
});

if (existsSync(POTION)) {
  encoderContract("onnx, potion-base-2M", () => openOnnx(POTION));
  encoderContract("hybrid of lexical and potion-base-2M", () => openEncoder(`hybrid(lexical,onnx:${POTION})`));
} else {
  test.skip(`potion-base-2M: skipped, ${POTION} is absent`, () => {});
}
