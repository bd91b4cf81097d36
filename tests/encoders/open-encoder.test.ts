import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { EncoderFaultCode } from "../../party-node/encoders/faults.ts";
import { openEncoder } from "../../party-node/encoders/open-encoder.ts";
import { assertInRange } from "../../party-node/encoders/range.ts";
import { encoderContract, innerProduct } from "./encoder-contract.ts";
import { writeTinyModel } from "./tiny-model.ts";

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "sotto-encoders-"));
  model = join(root, "tiny model");
  await writeTinyModel(model);
});
afterAll(() => rm(root, { recursive: true }));

encoderContract("hybrid", () => openEncoder(`hybrid(lexical,onnx:${model})`));

describe("openEncoder", () => {
  test("reads every kind of spec, and its own spec again", async () => {
    const specs = ["lexical", "lexical:2048", `onnx:${model}`, `hybrid(lexical:64*0.5, onnx:${model}*2)`];
    const dims = [1024, 2048, 3, 67];
    for (const [i, spec] of specs.entries()) {
      const encoder = await openEncoder(spec);
      expect(encoder.dim).toBe(dims[i]);
      const again = await openEncoder(encoder.spec);
      expect(again.fingerprint).toBe(encoder.fingerprint);
      await Promise.all([encoder.close(), again.close()]);
    }
  });

  const refused: { spec: string; fault: EncoderFaultCode }[] = [
    { spec: "", fault: "UNKNOWN_SPEC" },
    { spec: "bm25", fault: "UNKNOWN_SPEC" },
    { spec: "Lexical", fault: "UNKNOWN_SPEC" },
    { spec: "lexical:", fault: "UNKNOWN_SPEC" },
    { spec: "lexical:many", fault: "BAD_OPTION" },
    { spec: "lexical:8", fault: "BAD_OPTION" },
    { spec: "onnx:", fault: "UNKNOWN_SPEC" },
    { spec: "onnx:/no/such/folder", fault: "MODEL_MISSING" },
    { spec: "hybrid()", fault: "UNKNOWN_SPEC" },
    { spec: "hybrid(lexical)", fault: "BAD_OPTION" },
    { spec: "hybrid(lexical,lexical*0)", fault: "BAD_OPTION" },
    { spec: "hybrid(lexical,lexical*-1)", fault: "BAD_OPTION" },
    { spec: "hybrid(lexical,onnx:/no/such/folder)", fault: "MODEL_MISSING" },
    { spec: "hybrid(lexical,hybrid(lexical,lexical))", fault: "UNKNOWN_SPEC" },
    { spec: "hybrid(lexical,lexical,lexical,lexical,lexical)", fault: "BAD_OPTION" },
  ];
  test.each(refused)("refuses $spec with $fault", async ({ spec, fault }) => {
    await expect(openEncoder(spec)).rejects.toMatchObject({ name: "Fault", code: fault });
  });

  test("refuses options: an onnx encoder has none", async () => {
    for (const spec of [`onnx:${model}?`, `onnx:${model}?pooling=cls`, `hybrid(lexical,onnx:${model}?a=1*2)`])
      await expect(openEncoder(spec)).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});

describe("hybrid", () => {
  test("its inner product is the weighted sum of its parts' scores", async () => {
    const weights = [0.25, 2];
    const parts = [await openEncoder("lexical:64"), await openEncoder(`onnx:${model}`)];
    const hybrid = await openEncoder(`hybrid(lexical:64*0.25,onnx:${model}*2)`);
    const passages = ["cat and dog", "a cold", "vitamin cat"];
    const scores = async (encoder: typeof hybrid): Promise<number[]> => {
      const statistics = encoder.statistics();
      for (const passage of passages) statistics.add(passage);
      const question = await encoder.encodeQuery("cat cold");
      return (await encoder.encodePassages(passages, statistics)).map((vector) => innerProduct(question, vector));
    };
    const [lexical, onnx] = [await scores(parts[0]!), await scores(parts[1]!)];
    const fused = await scores(hybrid);
    fused.forEach((score, i) => {
      expect(score).toBeCloseTo((weights[0]! * lexical[i]! + weights[1]! * onnx[i]!) / Math.SQRT2, 5);
    });
    expect(hybrid.normMax).toBeCloseTo(Math.hypot(0.25 * 24, 2 * 1.001), 9);
    await Promise.all([...parts, hybrid].map((encoder) => encoder.close()));
  });
});

describe("assertInRange", () => {
  const encoder = { spec: "x", dim: 3, normMax: 2.5 };
  const rows: { id: string; entries: number[]; fault: EncoderFaultCode | null }[] = [
    { id: "zero", entries: [0, 0, 0], fault: null },
    { id: "at the bound", entries: [2, 0, -1.5], fault: null },
    { id: "short", entries: [1, 1], fault: "WRONG_DIM" },
    { id: "long", entries: [1, 1, 1, 1], fault: "WRONG_DIM" },
    { id: "NaN", entries: [1, NaN, 1], fault: "NOT_FINITE" },
    { id: "infinite", entries: [1, 1, -Infinity], fault: "NOT_FINITE" },
    { id: "one entry too large", entries: [0, -2.51, 0], fault: "OUT_OF_RANGE" },
    { id: "norm too large", entries: [1.9, 1.9, 0], fault: "OUT_OF_RANGE" },
  ];
  test.each(rows)("$id: $fault", ({ entries, fault }) => {
    const check = (): void => assertInRange(encoder, Float32Array.from(entries));
    if (fault === null) check();
    else expect(check).toThrow(expect.objectContaining({ code: fault }));
  });
});
