/**
 * A retriever for LlamaIndex.TS.
 *
 * @module sotto/llamaindex
 */
import type { QueryBundle } from "@llamaindex/core/query-engine";
import { BaseRetriever } from "@llamaindex/core/retriever";
import { type NodeWithScore, TextNode } from "@llamaindex/core/schema";
import { extractText } from "@llamaindex/core/utils";
import { type PassageMetadata, type RetrieverOptions, asker, retrieved } from "./retriever-options.ts";

export { QUOTING_NOTICE } from "./quoting.ts";
export type { PassageMetadata, RetrieverOptions } from "./retriever-options.ts";

/** LlamaIndex.TS's retriever over a federation. Its publisher no longer maintains `@llamaindex/core`. */
export class SottoRetriever extends BaseRetriever {
  readonly #ask: ReturnType<typeof asker>;
  readonly #plainText: boolean;

  /** @throws TypeError for options that do not exist or are out of range. */
  constructor({ plainText = false, ...asking }: RetrieverOptions) {
    super();
    this.#ask = asker(asking);
    this.#plainText = plainText;
  }

  /** @internal What the base class calls. */
  override async _retrieve({ query }: QueryBundle): Promise<NodeWithScore<PassageMetadata>[]> {
    const { passages } = await this.#ask(extractText(query));
    return passages.map((passage) => {
      const { id, text, metadata } = retrieved(passage, this.#plainText);
      // A node shows a model its metadata too, where title and text would stand outside the marks.
      const excludedLlmMetadataKeys = Object.keys(metadata);
      return { node: new TextNode({ id_: id, text, metadata, excludedLlmMetadataKeys }), score: passage.score };
    });
  }
}
