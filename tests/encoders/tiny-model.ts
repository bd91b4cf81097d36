import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Token -> its vector in the tiny model. */
export const TINY_TOKENS: readonly (readonly [string, readonly number[]])[] = [
  ["[PAD]", [9, 9, 9]],
  ["[UNK]", [0, 0, 5]],
  ["[CLS]", [1, 0, 0]],
  ["[SEP]", [0, 1, 0]],
  ["cat", [3, 0, 0]],
  ["dog", [0, 4, 0]],
  ["cold", [0, 0, 2]],
  ["vitamin", [0, 1, 3]],
];

export interface TinyOptions {
  /** Adds [CLS] and [SEP], as BERT exports do; without, the folder looks like a static model's. */
  readonly postProcessor?: boolean;
  readonly inputs?: readonly string[];
  readonly output?: string;
  readonly files?: Readonly<Record<string, object>>;
}

/**
 * Writes a folder with an ONNX model made by hand (one Gather from a table of token vectors: a `last_hidden_state` that can be
 * computed on paper) and its tokenizer.
 */
export async function writeTinyModel(directory: string, options: TinyOptions = {}): Promise<void> {
  const {
    postProcessor = true,
    inputs = ["input_ids", "attention_mask", "token_type_ids"],
    output = "last_hidden_state",
    files = {},
  } = options;
  await mkdir(join(directory, "1_Pooling"), { recursive: true });
  await writeFile(join(directory, "model.onnx"), onnxModel(inputs, output));
  const vocab = Object.fromEntries(TINY_TOKENS.map(([token], id) => [token, id]));
  const tokenizer = {
    version: "1.0",
    added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map((content, id) => ({
      id,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: postProcessor ? { type: "BertProcessing", sep: ["[SEP]", 3], cls: ["[CLS]", 2] } : null,
    decoder: null,
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
  const all = {
    "tokenizer.json": tokenizer,
    "tokenizer_config.json": { model_max_length: 6, pad_token: "[PAD]" },
    ...files,
  };
  for (const [name, content] of Object.entries(all)) await writeFile(join(directory, name), JSON.stringify(content));
}

// The few messages of onnx.proto that the model needs: field number, then its content.
export type Field = Uint8Array;

function onnxModel(inputs: readonly string[], output: string): Uint8Array {
  const dim = TINY_TOKENS[0]![1].length;
  const table = Float32Array.from(TINY_TOKENS.flatMap(([, vector]) => vector));
  const initializer = message(
    varint(1, TINY_TOKENS.length),
    varint(1, dim),
    varint(2, 1),
    text(8, "table"),
    bytes(9, new Uint8Array(table.buffer)),
  );
  const node = message(text(1, "table"), text(1, "input_ids"), text(2, output), text(4, "Gather"));
  const graph = message(
    bytes(1, node),
    text(2, "tiny"),
    bytes(5, initializer),
    ...inputs.map((name) => bytes(11, valueInfo(name, 7, ["batch", "seq"]))),
    bytes(12, valueInfo(output, 1, ["batch", "seq", dim])),
  );
  return message(varint(1, 8), bytes(7, graph), bytes(8, message(varint(2, 17))));
}

export function valueInfo(name: string, elementType: number, shape: readonly (string | number)[]): Uint8Array {
  const dims = shape.map((size) =>
    bytes(1, typeof size === "number" ? message(varint(1, size)) : message(text(2, size))),
  );
  const tensor = message(varint(1, elementType), bytes(2, message(...dims)));
  return message(text(1, name), bytes(2, message(bytes(1, tensor))));
}

export function message(...fields: Field[]): Uint8Array {
  return Uint8Array.from(fields.flatMap((field) => [...field]));
}

export function varint(field: number, value: number): Field {
  return Uint8Array.from([field << 3, ...variable(value)]);
}

export function bytes(field: number, content: Uint8Array): Field {
  return Uint8Array.from([(field << 3) | 2, ...variable(content.length), ...content]);
}

export function text(field: number, content: string): Field {
  return bytes(field, new TextEncoder().encode(content));
}

function variable(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...variable(value >>> 7)];
}
