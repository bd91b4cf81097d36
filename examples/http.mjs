// Asks by HTTP, as a program in any language can, where `sotto serve --dir MY-NODE` runs:
//   node examples/http.mjs http://127.0.0.1:7480 MY-NODE/access.token "When can a patient restart warfarin?"
import { readFileSync } from "node:fs";
import process from "node:process";

const [url, tokenFile, question] = process.argv.slice(2);
if (!url || !tokenFile || !question) {
  console.error("usage: node examples/http.mjs URL TOKEN-FILE QUESTION");
  process.exit(2);
}
const authorization = `Bearer ${readFileSync(tokenFile, "utf8").trim()}`;

const federation = await answerOf("/v1/federation");
console.log(`${federation.name}: ${federation.parties.map(({ name }) => name).join(", ")}`);

const answer = await answerOf("/v1/query", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ question, k: 3 }),
});
for (const { party, status, fault } of answer.parties) console.log(`${party} ${fault ? fault.code : status}`);
if (answer.passages.length === 0) console.log("no passage was found");
for (const { party, documentId, text, score } of answer.passages) {
  console.log(`\n[${party}, ${documentId}] score ${score.toFixed(3)}\n${text}`);
}

async function answerOf(path, { headers, ...request } = {}) {
  const response = await fetch(url + path, { ...request, headers: { ...headers, authorization } });
  const body = await response.json();
  if (response.ok) return body;
  // Problem details of RFC 9457; `detail` says what to do.
  console.error(`${response.status} ${body.code}: ${body.detail}`);
  process.exit(1);
}
