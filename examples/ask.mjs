// Asks a federation one question from a program of your own:
//   node examples/ask.mjs MY-NODE "When can a patient restart warfarin?"
// MY-NODE is the folder that `sotto init` made and `sotto federation join` completed.
import process from "node:process";
import { connect } from "sotto";

const [dir, question] = process.argv.slice(2);
if (!dir || !question) {
  console.error("usage: node examples/ask.mjs MY-NODE QUESTION");
  process.exit(2);
}
const sotto = await connect({ dir });
try {
  const asking = sotto.query(question, { k: 3 });
  for await (const { party, status, passagesScored, fault } of asking) {
    console.log(
      fault ? `${party} is missing: ${fault.reason}` : `${party} ${status}, ${passagesScored} passages scored`,
    );
  }
  const { passages } = await asking.result;
  for (const { party, documentId, text, score } of passages) {
    console.log(`\n[${party}, ${documentId}] score ${score.toFixed(3)}\n${text}`);
  }
} finally {
  sotto.close();
}
