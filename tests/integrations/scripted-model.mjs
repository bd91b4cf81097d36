// For `node --import`: the AI SDK's default provider has one model, which searches for what it was asked and then repeats what it read, word for word.
import { MockLanguageModelV4, MockProviderV4 } from "ai/test";

const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
const model = new MockLanguageModelV4({
  modelId: "repeats",
  doGenerate: async ({ prompt }) => {
    const last = prompt.at(-1);
    if (last.role === "user") {
      const input = JSON.stringify({ question: last.content[0].text });
      const content = [{ type: "tool-call", toolCallId: "1", toolName: "search", input }];
      return { content, finishReason: { unified: "tool-calls" }, usage, warnings: [] };
    }
    const { output } = last.content[0];
    return {
      content: [{ type: "text", text: `${output.type}: ${output.value}` }],
      finishReason: { unified: "stop" },
      usage,
      warnings: [],
    };
  },
});
globalThis.AI_SDK_DEFAULT_PROVIDER = new MockProviderV4({ languageModels: { repeats: model } });
