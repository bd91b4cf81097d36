// Fills a LangChain prompt with passages of a federation:
//   npm install @langchain/core
//   node examples/langchain.mjs MY-NODE "When can a patient restart warfarin?"
// MY-NODE is the folder that `sotto init` made and `sotto federation join` completed.
import process from "node:process";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { RunnablePassthrough, RunnableSequence } from "@langchain/core/runnables";
import { connect } from "sotto";
import { QUOTING_NOTICE, SottoRetriever } from "sotto/langchain";

const [dir, question] = process.argv.slice(2);
if (!dir || !question) {
  console.error("usage: node examples/langchain.mjs MY-NODE QUESTION");
  process.exit(2);
}
using client = await connect({ dir });
const retriever = new SottoRetriever({
  client,
  k: 3,
  onParties: (parties) => {
    for (const { party, fault } of parties) if (fault) console.error(`${party} is missing: ${fault.code}`);
  },
});
const prompt = ChatPromptTemplate.fromMessages([
  ["system", "{notice}"],
  ["human", "{passages}\n\n{question}"],
]);
const chain = RunnableSequence.from([
  {
    notice: () => QUOTING_NOTICE,
    passages: retriever.pipe((documents) => documents.map(({ pageContent }) => pageContent).join("\n\n")),
    question: new RunnablePassthrough(),
  },
  prompt, // behind it comes your model: prompt, model, new StringOutputParser()
]);
for (const message of (await chain.invoke(question)).messages)
  console.log(`${message.getType()}: ${message.content}\n`);
