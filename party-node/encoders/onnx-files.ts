import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { encoderFault } from "./faults.ts";

/** Tokens a model takes when its files name no limit. */
const MAX_TOKENS_DEFAULT = 512;
/** Exporters write 1e6 or 1e30 for "no limit". */
const UNLIMITED_FROM = 1_000_000;
/** Models whose position 0 and 1 are reserved, so that they take two tokens fewer than they have positions. */
const OFFSET_POSITIONS: ReadonlySet<string> = new Set(["roberta", "xlm-roberta", "camembert", "mpnet"]);

type Json = Readonly<Record<string, unknown>>;

/** What a sentence-transformers export's folder says about itself. */
export interface OnnxFiles {
  readonly modelPath: string;
  readonly tokenizer: Json;
  readonly tokenizerConfig: Json;
  /** Tokens a text is cut to, special tokens included. */
  readonly maxTokens: number;
  /** How token vectors become one, where the model does not do it itself. */
  readonly pooling: "mean" | "cls";
  /** Put before a question, and before a passage; mostly empty. */
  readonly queryPrefix: string;
  readonly passagePrefix: string;
  /** Lower-case hex SHA-256 over the names and contents of all files read. */
  readonly digest: string;
}

/**
 * Reads a model folder: `model.onnx` in it or in its `onnx` folder, `tokenizer.json`, and, where present,
 * `tokenizer_config.json`, `config.json`, `sentence_bert_config.json`, `config_sentence_transformers.json` (its prompts)
 * and `1_Pooling/config.json`.
 *
 * @throws Fault MODEL_MISSING, BAD_MODEL.
 */
export async function readOnnxFiles(directory: string): Promise<OnnxFiles> {
  return readFiles(directory, modelIn(directory));
}

/**
 * The same for a path that may also name the model's own file, in its folder or in that folder's `onnx`.
 *
 * @throws Fault MODEL_MISSING, BAD_MODEL.
 */
export async function readOnnxFilesAt(path: string): Promise<OnnxFiles> {
  if (!path.endsWith(".onnx")) return readOnnxFiles(path);
  const folder = dirname(path);
  const isNested = basename(folder) === "onnx" && !existsSync(join(folder, "tokenizer.json"));
  const name = isNested ? join("onnx", basename(path)) : basename(path);
  return readFiles(isNested ? dirname(folder) : folder, existsSync(path) ? name : undefined, name);
}

function modelIn(directory: string): string | undefined {
  return ["model.onnx", "onnx/model.onnx"].find((name) => existsSync(join(directory, name)));
}

async function readFiles(directory: string, modelName: string | undefined, wanted = "model.onnx"): Promise<OnnxFiles> {
  if (!modelName || !existsSync(join(directory, "tokenizer.json"))) {
    const lacking = modelName ? "tokenizer.json" : existsSync(directory) ? wanted : "such folder";
    throw encoderFault(
      "MODEL_MISSING",
      `${directory} has no ${lacking}; give the folder of a sentence-transformers ONNX export, or get one with \`sotto model pull\`.`,
    );
  }
  const read = (name: string): Json => readJson(directory, name);
  const [config, tokenizerConfig, sentence] = [
    read("config.json"),
    read("tokenizer_config.json"),
    read("sentence_bert_config.json"),
  ];
  const prompts = asObject(read("config_sentence_transformers.json")["prompts"]);
  return {
    modelPath: join(directory, modelName),
    tokenizer: read("tokenizer.json"),
    tokenizerConfig,
    maxTokens: maxTokens(config, tokenizerConfig, sentence),
    pooling: read("1_Pooling/config.json")["pooling_mode_cls_token"] === true ? "cls" : "mean",
    queryPrefix: asText(prompts["query"]),
    passagePrefix: asText(prompts["passage"] ?? prompts["document"]),
    digest: await digestOf(directory, modelName),
  };
}

const CONFIG_NAMES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "config.json",
  "sentence_bert_config.json",
  "config_sentence_transformers.json",
  "1_Pooling/config.json",
];

async function digestOf(directory: string, modelName: string): Promise<string> {
  const hash = createHash("sha256");
  const candidates: [string, string][] = [
    ["model.onnx", modelName],
    ["model.onnx_data", `${modelName}_data`],
    ["model.onnx.data", `${modelName}.data`],
    ...CONFIG_NAMES.map((name): [string, string] => [name, name]),
  ];
  for (const [label, name] of candidates) {
    const path = join(directory, name);
    if (!existsSync(path)) continue;
    const content = createHash("sha256");
    await pipeline(createReadStream(path), content);
    hash.update(`${label}\0`).update(content.digest());
  }
  return hash.digest("hex");
}

function maxTokens(config: Json, tokenizerConfig: Json, sentence: Json): number {
  const reserved = OFFSET_POSITIONS.has(asText(config["model_type"])) ? 2 : 0;
  const positions = config["max_position_embeddings"];
  const limits = [
    sentence["max_seq_length"],
    tokenizerConfig["model_max_length"],
    typeof positions === "number" ? positions - reserved : undefined,
  ].filter((limit): limit is number => typeof limit === "number" && limit >= 1 && limit < UNLIMITED_FROM);
  return limits.length === 0 ? MAX_TOKENS_DEFAULT : Math.floor(Math.min(...limits));
}

function readJson(directory: string, name: string): Json {
  const path = join(directory, name);
  if (!existsSync(path)) return {};
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw encoderFault("BAD_MODEL", `${path} is not JSON; get the model again.`, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw encoderFault("BAD_MODEL", `${path} holds no JSON object; get the model again.`);
  }
  return value as Json;
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
