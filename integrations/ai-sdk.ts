/**
 * A tool for the Vercel AI SDK.
 *
 * @module sotto/ai-sdk
 */
import { type Tool, tool } from "ai";
import { z } from "zod";
import type { QueryResult } from "../party-node/asking/index.ts";
import { quoteResult } from "./quoting.ts";
import { type AskingOptions, asker } from "./retriever-options.ts";
import { SEARCH_DESCRIPTION, SEARCH_QUESTION } from "./search-words.ts";

export type { AskingOptions } from "./retriever-options.ts";

export interface SottoToolOptions extends AskingOptions {
  /** What the model is told the tool is for; say here what the federation's documents are about. */
  readonly description?: string;
}

const inputSchema = z.object({ question: z.string().min(1).describe(SEARCH_QUESTION) });

/**
 * A tool of the Vercel AI SDK by which a model asks a federation. Its output is the result as it is; what the model reads of it is quoted and marked as data.
 *
 * @throws TypeError for options that do not exist or are out of range.
 */
export function sottoTool({
  description = SEARCH_DESCRIPTION,
  ...asking
}: SottoToolOptions): Tool<z.infer<typeof inputSchema>, QueryResult> {
  const ask = asker(asking);
  return tool({
    description,
    inputSchema,
    execute: ({ question }: z.infer<typeof inputSchema>, { abortSignal }) => ask(question, abortSignal),
    toModelOutput: ({ output }) => ({ type: "text", value: quoteResult(output) }),
  });
}
