// Asks by HTTP, as a program in any language can, where `sotto serve --dir MY-NODE` runs:
//   node examples/http.mjs http://127.0.0.1:7480 MY-NODE/access.token "When can a patient restart warfarin?"
import { readFileSync } from "node:fs";
import process from "node:process";

const [url, tokenFile, question] = process.argv.slice(2);
if (!url || !tokenFile || !question) throw new Error("usage: node examples/http.mjs URL TOKEN-FILE QUESTION");
const authorization = `Bearer ${readFileSync(tokenFile, "utf8").trim()}`;

const federation = await (await fetch(`${url}/v1/federation`, { headers: { authorization } })).json();
console.log(`${federation.name}: ${federation.parties.map(({ name }) => name).join(", ")}`);

const response = await fetch(`${url}/v1/query`, {
  method: "POST",
  headers: { authorization, "content-type": "application/json" },
  body: JSON.stringify({ question, k: 3 }),
});
const answer = await response.json();
if (!response.ok) throw new Error(`${answer.code}: ${answer.detail}`);
for (const { party, status, fault } of answer.parties) console.log(`${party} ${fault ? fault.code : status}`);
for (const { party, documentId, text, score } of answer.passages) {
  console.log(`\n[${party}, ${documentId}] score ${score.toFixed(3)}\n${text}`);
}
