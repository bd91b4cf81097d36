// Lets a model ask a federation, with the Vercel AI SDK:
//   npm install ai
//   node examples/ai-sdk.mjs MY-NODE MODEL "When can a patient restart warfarin?"
// MODEL is a model's name at your AI SDK provider, whose operator reads the question and the passages. For one on your own machine:
//   npm install @ai-sdk/openai-compatible
//   model: createOpenAICompatible({ name: "local", baseURL: "http://localhost:11434/v1" })("llama3.2")
import process from "node:process";
import { generateText, isStepCount } from "ai";
import { connect } from "sotto";
import { sottoTool } from "sotto/ai-sdk";

const [dir, model, question] = process.argv.slice(2);
if (!dir || !model || !question) {
  console.error("usage: node examples/ai-sdk.mjs MY-NODE MODEL QUESTION");
  process.exit(2);
}
using client = await connect({ dir });
const { text } = await generateText({
  model,
  tools: { search: sottoTool({ client, k: 3 }) },
  stopWhen: isStepCount(3),
  prompt: question,
});
console.log(text);
