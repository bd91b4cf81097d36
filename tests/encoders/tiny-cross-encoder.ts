import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Field, TINY_TOKENS, bytes, message, text, valueInfo, varint, writeTinyModel } from "./tiny-model.ts";

export interface TinyCrossEncoderOptions {
  /** Default 64. */
  readonly maxTokens?: number;
  /** Numbers that the model gives a pair; default 1. */
  readonly outputs?: 1 | 3;
}

const FLOAT = 1;
const INT64 = 7;
const INPUTS = ["input_ids", "attention_mask", "token_type_ids"];

/**
 * Writes a folder with a cross-encoder made by hand, with the tiny model's tokens: q is the sum of the vectors of the first text's tokens, p that of the second's, special tokens
 * included, and the score is their inner product.
 */
export async function writeTinyCrossEncoder(directory: string, options: TinyCrossEncoderOptions = {}): Promise<void> {
  const { maxTokens = 64, outputs = 1 } = options;
  const files = { "tokenizer_config.json": { model_max_length: maxTokens, pad_token: "[PAD]" } };
  await writeTinyModel(directory, { files });
  await writeFile(join(directory, "model.onnx"), crossEncoder(outputs));
}

function crossEncoder(outputs: 1 | 3): Uint8Array {
  const dim = TINY_TOKENS[0]![1].length;
  const table = Float32Array.from(TINY_TOKENS.flatMap(([, vector]) => vector));
  const nodes = [
    node("Gather", ["table", "input_ids"], "embedded"),
    node("Cast", ["attention_mask"], "mask", attribute("to", FLOAT)),
    node("Cast", ["token_type_ids"], "types", attribute("to", FLOAT)),
    node("Unsqueeze", ["mask", "last"], "maskColumn"),
    node("Unsqueeze", ["types", "last"], "typesColumn"),
    node("Mul", ["embedded", "maskColumn"], "masked"),
    node("Mul", ["masked", "typesColumn"], "second"),
    node("ReduceSum", ["masked", "one"], "all", attribute("keepdims", 0)),
    node("ReduceSum", ["second", "one"], "p", attribute("keepdims", 0)),
    node("Sub", ["all", "p"], "q"),
    node("Mul", ["p", "q"], "products"),
    outputs === 1
      ? node("ReduceSum", ["products", "one"], "logits", attribute("keepdims", 1))
      : node("Identity", ["products"], "logits"),
  ];
  const graph = message(
    ...nodes.map((one) => bytes(1, one)),
    text(2, "tiny"),
    bytes(5, tensor("table", FLOAT, [TINY_TOKENS.length, dim], table)),
    bytes(5, tensor("one", INT64, [1], BigInt64Array.of(1n))),
    bytes(5, tensor("last", INT64, [1], BigInt64Array.of(-1n))),
    ...INPUTS.map((name) => bytes(11, valueInfo(name, INT64, ["batch", "seq"]))),
    bytes(12, valueInfo("logits", FLOAT, ["batch", outputs])),
  );
  return message(varint(1, 8), bytes(7, graph), bytes(8, message(varint(2, 17))));
}

function node(operator: string, inputs: readonly string[], output: string, ...attributes: Field[]): Uint8Array {
  return message(...inputs.map((name) => text(1, name)), text(2, output), text(4, operator), ...attributes);
}

/** An attribute with a whole number. */
function attribute(name: string, value: number): Field {
  const type = Uint8Array.of(0xa0, 0x01, 2); // field 20, which takes two bytes: INT
  return bytes(5, message(text(1, name), varint(3, value), type));
}

function tensor(name: string, type: number, shape: readonly number[], data: Float32Array | BigInt64Array): Uint8Array {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(...shape.map((size) => varint(1, size)), varint(2, type), text(8, name), bytes(9, raw));
}
