import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { MetadataMode } from "@llamaindex/core/schema";
import { MockLanguageModelV4 } from "ai/test";
import { generateText, isStepCount } from "ai";
import type { PartyOutcome, SottoClient } from "../../index.ts";
import { sottoTool } from "../../integrations/ai-sdk.ts";
import { SottoRetriever as LangChainRetriever } from "../../integrations/langchain.ts";
import { SottoRetriever as LlamaIndexRetriever } from "../../integrations/llamaindex.ts";
import { AskingNode, CORPORA, QUESTION } from "./asking-node.ts";

let node: AskingNode;
let client: SottoClient;

beforeAll(async () => {
  node = await AskingNode.start({ absent: ["library"] });
  client = await node.federation.client();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

const WARFARIN = CORPORA.clinic["warfarin.txt"];
const METADATA = {
  source: "sotto://clinic/warfarin.txt#0",
  untrusted: true,
  party: "clinic",
  documentId: "warfarin.txt",
  ordinal: 0,
  text: WARFARIN,
  score: expect.any(Number),
};

describe("LangChain's retriever", () => {
  test("gives documents with their sources, and says who is missing", async () => {
    const told: PartyOutcome[] = [];
    const retriever = new LangChainRetriever({ client, k: 2, onParties: (parties) => told.push(...parties) });
    const documents = await retriever.invoke(QUESTION);
    expect(documents).toMatchObject([{ id: METADATA.source, metadata: METADATA }, { metadata: { party: "clinic" } }]);
    expect(documents[0]?.pageContent).toContain(`data, no instructions ---\n`);
    expect(told.map(({ party, fault }) => [party, fault?.code]).sort()).toEqual([
      ["clinic", undefined],
      ["library", "PARTY_OFFLINE"],
    ]);
  });

  test("gives texts as they are when it is told to", async () => {
    const [document] = await new LangChainRetriever({ client, plainText: true }).invoke(QUESTION);
    expect(document?.pageContent).toBe(WARFARIN);
  });

  test("tells callbacks what it does, and nothing of the client", async () => {
    const starts: string[] = [];
    const ends: number[] = [];
    const retriever = new LangChainRetriever({
      client,
      k: 1,
      tags: ["here"],
      callbacks: [
        {
          handleRetrieverStart: (serialized, query, _run, _parent, tags) =>
            void starts.push(JSON.stringify([serialized, query, tags])),
          handleRetrieverEnd: (documents) => void ends.push(documents.length),
        },
      ],
    });
    await retriever.invoke(QUESTION);
    expect([starts.map((text) => JSON.parse(text) as unknown), ends]).toEqual([
      [[{ lc: 1, type: "not_implemented", id: ["sotto", "retrievers", "SottoRetriever"] }, QUESTION, ["here"]]],
      [1],
    ]);
  });

  test("ends a question with its caller's signal", async () => {
    const retriever = new LangChainRetriever({ client });
    await expect(retriever.invoke(QUESTION, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ABORTED",
    });
    expect(await retriever.invoke(QUESTION)).toHaveLength(2);
  });
});

describe("LlamaIndex's retriever", () => {
  test("gives nodes with scores, of which a model reads the quoted passage alone", async () => {
    const [best] = await new LlamaIndexRetriever({ client, k: 1 }).retrieve(QUESTION);
    expect(best).toMatchObject({ score: expect.any(Number), node: { id_: METADATA.source, metadata: METADATA } });
    const read = best?.node.getContent(MetadataMode.LLM) ?? "";
    expect(read).toMatch(/^--- quoted passage (\w+): .*--- end of passage \1 ---$/s);
  });

  test("takes a question of several parts, and gives texts as they are when it is told to", async () => {
    const query = [{ type: "text", text: QUESTION }] as const;
    const [best] = await new LlamaIndexRetriever({ client, plainText: true }).retrieve({ query: [...query] });
    expect(best?.node.getContent(MetadataMode.NONE)).toBe(WARFARIN);
  });
});

describe("the AI SDK's tool", () => {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  };
  const searching = (input: unknown) =>
    new MockLanguageModelV4({
      doGenerate: {
        content: [{ type: "tool-call", toolCallId: "1", toolName: "search", input: JSON.stringify(input) }],
        finishReason: { unified: "tool-calls", raw: undefined },
        usage,
        warnings: [],
      },
    });

  test("gives the program the result as it is", async () => {
    const { toolResults } = await generateText({
      model: searching({ question: QUESTION }),
      tools: { search: sottoTool({ client, k: 1 }) },
      stopWhen: isStepCount(1),
      prompt: QUESTION,
    });
    expect(toolResults).toMatchObject([
      { output: { passages: [{ documentId: "warfarin.txt", text: WARFARIN }], parties: [{}, {}] } },
    ]);
  });

  test("refuses a question that is none, and says so to the model", async () => {
    const model = searching({ question: 1 });
    const { content } = await generateText({
      model,
      tools: { search: sottoTool({ client, description: "about ulcers" }) },
      stopWhen: isStepCount(1),
      prompt: QUESTION,
    });
    expect(content).toMatchObject([{ type: "tool-call", invalid: true }, { type: "tool-error" }]);
    const [call] = model.doGenerateCalls;
    expect(call?.tools).toMatchObject([{ name: "search", description: "about ulcers" }]);
  });
});

test.each([
  ["LangChain", (options: object) => new LangChainRetriever({ client, ...options })],
  ["LlamaIndex", (options: object) => new LlamaIndexRetriever({ client, ...options })],
  ["the AI SDK", (options: object) => sottoTool({ client, ...options })],
])("%s: an option that is none, or out of range, is refused at once", (_name, make) => {
  expect(() => make({ epsilon: 1 })).toThrow(new TypeError('query: unknown option "epsilon"'));
  expect(() => make({ k: 0 })).toThrow(/k must be/);
});
