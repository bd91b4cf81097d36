import * as tokenizers from "@huggingface/tokenizers";
import { encoderFault } from "./faults.ts";
import type { OnnxFiles } from "./onnx-files.ts";

/** Texts as token ids, ready for a model. */
export interface TokenSource {
  /** At most `maxTokens` ids; empty where a static model knows no token of the text. */
  readonly ids: (text: string) => number[];
  /** Two texts as one row of at most `maxTokens` ids: the first keeps about half of them at most, the second what is left. */
  readonly pair: (first: string, second: string) => TokenPair;
  /** Fills a batch's shorter rows; masked out. */
  readonly padId: number;
}

export interface TokenPair {
  readonly ids: readonly number[];
  /** Of each id, which of the two texts it is of: 0 or 1. */
  readonly types: readonly number[];
}

/** What we use of the package; its own declarations name files without their extension, which this module resolution cannot follow. */
interface Tokenizer {
  encode(
    text: string,
    options?: { add_special_tokens?: boolean; text_pair?: string; return_token_type_ids?: boolean },
  ): { readonly ids: number[]; readonly token_type_ids?: number[] };
  token_to_id(token: string): number | undefined;
}

const { Tokenizer: TokenizerClass } = tokenizers as unknown as {
  readonly Tokenizer: new (definition: object, config: object) => Tokenizer;
};

/** Characters of a text that are looked at, per token the model takes: no tokeniser's tokens are longer on average. */
const CHARS_PER_TOKEN_MAX = 32;
/** Tokens of prose are about four characters long, so that so many a token fill half of the model's length. */
const CHARS_PER_TOKEN_OF_FIRST = 2;

/**
 * A tokenizer that without a post-processor adds no special tokens is a static model's (Model2Vec): there the unknown
 * token has no meaning of its own and is dropped, as its authors do. Contextual models keep it, as they were trained to.
 *
 * @throws Fault BAD_MODEL.
 */
export function openTokens(files: OnnxFiles): TokenSource {
  const { tokenizer: definition, tokenizerConfig, maxTokens } = files;
  const tokenizer = build(definition, tokenizerConfig);
  const dropped = definition["post_processor"] ? undefined : unknownId(tokenizer, files);
  const suffix = suffixLength(tokenizer);
  return {
    padId: idOf(tokenizer, tokenizerConfig["pad_token"]) ?? 0,
    ids: (text) => {
      const all: readonly number[] = tokenizer.encode(text.slice(0, maxTokens * CHARS_PER_TOKEN_MAX)).ids;
      const kept = dropped === undefined ? all : all.filter((id) => id !== dropped);
      return cutBefore(kept, suffix, maxTokens);
    },
    pair: (first, second) => {
      const { ids, token_type_ids: types = [] } = tokenizer.encode(
        first.slice(0, maxTokens * CHARS_PER_TOKEN_OF_FIRST),
        {
          text_pair: second.slice(0, maxTokens * CHARS_PER_TOKEN_MAX),
          return_token_type_ids: true,
        },
      );
      return { ids: cutBefore(ids, suffix, maxTokens), types: cutBefore(types, suffix, maxTokens) };
    },
  };
}

/** Cuts a row to a length, keeping its last `suffix` numbers. */
function cutBefore(row: readonly number[], suffix: number, length: number): number[] {
  return row.length <= length ? [...row] : [...row.slice(0, length - suffix), ...row.slice(row.length - suffix)];
}

function build(definition: object, config: object): Tokenizer {
  try {
    return new TokenizerClass(definition, config);
  } catch (cause) {
    throw encoderFault("BAD_MODEL", "The model's tokenizer.json cannot be used; get the model again.", cause);
  }
}

/** How many special tokens end every text, so that cutting keeps them. */
function suffixLength(tokenizer: Tokenizer): number {
  const bare: readonly number[] = tokenizer.encode("a", { add_special_tokens: false }).ids;
  const full: readonly number[] = tokenizer.encode("a").ids;
  const start = full.findIndex((_, at) => bare.every((id, i) => full[at + i] === id));
  return start < 0 ? 0 : full.length - bare.length - start;
}

function unknownId(tokenizer: Tokenizer, { tokenizer: definition, tokenizerConfig }: OnnxFiles): number | undefined {
  const model = definition["model"] as { unk_token?: unknown } | undefined;
  return idOf(tokenizer, model?.unk_token ?? tokenizerConfig["unk_token"]);
}

/** A special token is written as its text, or as an object with its text as `content`. */
function idOf(tokenizer: Tokenizer, token: unknown): number | undefined {
  const text = typeof token === "object" && token !== null ? (token as { content?: unknown }).content : token;
  return typeof text === "string" ? tokenizer.token_to_id(text) : undefined;
}
