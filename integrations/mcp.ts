/**
 * A server of the Model Context Protocol.
 *
 * @module sotto/mcp
 */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { once } from "node:events";
import { z } from "zod";
import { Fault } from "../crypto/index.ts";
import type { SottoClient } from "../party-node/asking/index.ts";
import { checkQueryOptions } from "../party-node/asking/query-options.ts";
import { limits } from "../protocol/index.ts";
import { FoundPassages } from "./found-passages.ts";
import { type Exchange, type Route, readJson } from "./http/index.ts";
import { QUOTING_NOTICE, missingParties, passageUri, quotePassage, shownTitle } from "./quoting.ts";
import { type AskingOptions, asker } from "./retriever-options.ts";
import { SEARCH_DESCRIPTION, SEARCH_QUESTION } from "./search-words.ts";

type AskedClient = Pick<SottoClient, "query" | "federation">;

export interface McpOptions extends Omit<AskingOptions, "client"> {
  /** As `connect` gives it, or what gives it when a tool is first used. Whoever made it closes it. */
  readonly client: AskedClient | (() => Promise<AskedClient>);
  /** Of the server, as it introduces itself. */
  readonly version?: string;
  /** Told of an error that is no fault: a bug of ours, whose message may quote what was asked. */
  readonly onBug?: (error: unknown) => void;
}

/** A message of JSON-RPC: a question of `limits.questionBytesMax` of which every character is escaped, and what is around it. */
const MESSAGE_BYTES_MAX = 8 * limits.questionBytesMax;

const resultShape = {
  id: z.string().describe("Fetches it again."),
  title: z.string(),
  url: z.string().describe("Names the source; no browser opens it."),
  text: z.string().describe("The passage, quoted between two marked lines."),
};
const searchShape = {
  notice: z.string(),
  results: z.array(z.object({ ...resultShape, party: z.string(), score: z.number() })),
  missing: z
    .array(z.object({ party: z.string(), code: z.string() }))
    .describe("Who did not answer, or not as it should."),
};
const federationShape = {
  federation: z.string(),
  member: z.string(),
  parties: z.array(z.object({ name: z.string(), isOnline: z.boolean() })),
  collections: z.array(z.object({ name: z.string(), owner: z.string(), host: z.string() })),
};
/** Nothing is changed; others are asked. */
const ASKS_OTHERS = { readOnlyHint: true, openWorldHint: true } as const;

/**
 * An MCP server by which a model asks a federation: `search`, `fetch` (a passage that was found), `federation_status`.
 *
 * @throws TypeError for options that do not exist or are out of range.
 */
export function mcpServer(options: McpOptions): McpServer {
  return makeServer(options, new FoundPassages());
}

function makeServer(options: McpOptions, found: FoundPassages): McpServer {
  const { client, version = "0", onBug, ...asking } = options;
  const { onParties: _, ...query } = asking;
  checkQueryOptions(query);
  const connected = typeof client === "function" ? client : () => Promise.resolve(client);
  const server = new McpServer({ name: "sotto", version }, { instructions: QUOTING_NOTICE });
  const answer = answering(onBug);
  server.registerTool(
    "search",
    {
      title: "Search the federation",
      description: SEARCH_DESCRIPTION,
      inputSchema: {
        query: z.string().min(1).describe(SEARCH_QUESTION),
        k: z.int().min(1).max(limits.fetchHandlesMax).optional().describe("Passages wanted."),
      },
      outputSchema: searchShape,
      annotations: ASKS_OTHERS,
    },
    ({ query, k }, { signal }) =>
      answer(async () => {
        const ask = asker({ client: await connected(), ...asking, ...(k === undefined ? {} : { k }) });
        const result = await ask(query, signal);
        for (const passage of result.passages) found.add(passage);
        const results = result.passages.map((passage) => ({
          ...described(passage),
          party: passage.party,
          score: Number(passage.score.toFixed(3)),
        }));
        return { notice: QUOTING_NOTICE, results, missing: missingParties(result) };
      }),
  );
  server.registerTool(
    "fetch",
    {
      title: "Fetch a passage again",
      description: "Returns a passage that an earlier search has found. Asks nobody.",
      inputSchema: { id: z.string().describe("As search gave it.") },
      outputSchema: { notice: z.string(), ...resultShape },
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ id }) => answer(() => ({ notice: QUOTING_NOTICE, ...described(found.get(id)) })),
  );
  server.registerTool(
    "federation_status",
    {
      title: "Who can be asked",
      description: "Lists the parties of the federation, who of them is online, and the hosted collections.",
      outputSchema: federationShape,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    () =>
      answer(async () => {
        const { name, member, parties, collections } = (await connected()).federation;
        const hosted = collections.map((one) => ({ name: one.name, owner: one.owner, host: one.host }));
        return { federation: name, member, parties: [...parties], collections: hosted };
      }),
  );
  return server;
}

const described = (passage: Parameters<typeof quotePassage>[0]): z.infer<z.ZodObject<typeof resultShape>> => {
  const uri = passageUri(passage);
  return {
    id: uri,
    title: shownTitle(passage.title) || shownTitle(passage.documentId),
    url: uri,
    text: quotePassage(passage),
  };
};

/** Makes a tool's answer of a value: as JSON text, which is what models read, and structured; of a failure its code, and a bug's not even that. */
function answering(
  onBug: McpOptions["onBug"],
): (value: () => Promise<Record<string, unknown>> | Record<string, unknown>) => Promise<CallToolResult> {
  return async (value) => {
    try {
      const structuredContent = await value();
      return { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent };
    } catch (error) {
      const isFault = error instanceof Fault;
      if (!isFault) onBug?.(error);
      const text = isFault ? `${error.code}: ${error.message}` : "INTERNAL: this is a bug in Sotto";
      return { content: [{ type: "text", text }], isError: true };
    }
  };
}

/** Speaks MCP on standard input and output, of which it takes hold: nothing else may be printed there. */
export async function serveMcpStdio(options: McpOptions): Promise<AsyncDisposable & { readonly ended: Promise<void> }> {
  const server = mcpServer(options);
  const ended = once(process.stdin, "end").then(() => undefined);
  await server.connect(new StdioServerTransport());
  return { ended, [Symbol.asyncDispose]: () => server.close() };
}

/**
 * `POST /mcp` for {@link startLocalServer}: MCP's streamable HTTP without sessions, so that a program can leave and come back. What was found is kept for all.
 */
export function mcpRoutes(options: McpOptions): readonly Route[] {
  const found = new FoundPassages();
  const handle = async ({ request, response }: Exchange): Promise<void> => {
    const message = await readJson(request, z.unknown(), MESSAGE_BYTES_MAX);
    const server = makeServer(options, found);
    try {
      const closed = once(response, "close");
      const transport = new StreamableHTTPServerTransport();
      await server.connect(transport);
      await transport.handleRequest(request, response, message);
      await closed;
    } finally {
      // Ends the question of a caller that has gone.
      await server.close();
    }
  };
  return [{ method: "POST", path: "/mcp", handle }];
}
