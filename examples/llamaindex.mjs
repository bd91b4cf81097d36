// Retrieves passages of a federation with LlamaIndex.TS:
//   npm install @llamaindex/core
//   node examples/llamaindex.mjs MY-NODE "When can a patient restart warfarin?"
import process from "node:process";
import { MetadataMode } from "@llamaindex/core/schema";
import { connect } from "sotto";
import { SottoRetriever } from "sotto/llamaindex";

const [dir, question] = process.argv.slice(2);
if (!dir || !question) {
  console.error("usage: node examples/llamaindex.mjs MY-NODE QUESTION");
  process.exit(2);
}
using client = await connect({ dir });
const retriever = new SottoRetriever({ client, k: 3 });
for (const { node, score } of await retriever.retrieve({ query: question })) {
  console.log(`${score?.toFixed(3)} ${node.id_}\n${node.getContent(MetadataMode.LLM)}\n`);
}
