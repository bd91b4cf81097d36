/**
 * A retriever for LangChain.
 *
 * @module sotto/langchain
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { Document, type DocumentInterface } from "@langchain/core/documents";
import { BaseRetriever, type BaseRetrieverInput } from "@langchain/core/retrievers";
import { type RunnableConfig, ensureConfig } from "@langchain/core/runnables";
import { type PassageMetadata, type RetrieverOptions, asker, retrieved } from "./retriever-options.ts";

export { QUOTING_NOTICE } from "./quoting.ts";
export type { PassageMetadata, RetrieverOptions } from "./retriever-options.ts";

/**
 * LangChain's retriever over a federation.
 *
 * Callbacks see questions and passages, as of any retriever: with tracing on (LANGSMITH_TRACING), they go to whoever keeps the traces.
 *
 * @example
 * import { connect } from "sotto";
 * import { SottoRetriever } from "sotto/langchain";
 * using client = await connect({ dir: "my-node" });
 * const retriever = new SottoRetriever({ client, k: 3 });
 * const documents = await retriever.invoke("When can warfarin be restarted?");
 */
export class SottoRetriever extends BaseRetriever<PassageMetadata> {
  /** @internal */
  override lc_namespace = ["sotto", "retrievers"];
  readonly #ask: ReturnType<typeof asker>;
  readonly #plainText: boolean;
  readonly #signal = new AsyncLocalStorage<AbortSignal | undefined>();

  /** @throws TypeError for options that do not exist or are out of range. */
  constructor({
    callbacks,
    tags,
    metadata,
    verbose,
    plainText = false,
    ...asking
  }: RetrieverOptions & BaseRetrieverInput) {
    super({
      ...(callbacks === undefined ? {} : { callbacks }),
      ...(tags === undefined ? {} : { tags }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(verbose === undefined ? {} : { verbose }),
    });
    this.#ask = asker(asking);
    this.#plainText = plainText;
  }

  /** @internal */
  static override lc_name(): string {
    return "SottoRetriever";
  }

  /** Asks. `signal` and `timeout` of the options end the question, with the fault ABORTED; the base class hands neither on. */
  override invoke(input: string, options?: RunnableConfig): Promise<DocumentInterface<PassageMetadata>[]> {
    const config = ensureConfig(options);
    return this.#signal.run(config.signal, () => super.invoke(input, config));
  }

  /** @internal What the base class calls. */
  override async _getRelevantDocuments(question: string): Promise<Document<PassageMetadata>[]> {
    const { passages } = await this.#ask(question, this.#signal.getStore());
    return passages.map((passage) => {
      const { id, text, metadata } = retrieved(passage, this.#plainText);
      return new Document({ id, pageContent: text, metadata });
    });
  }
}
