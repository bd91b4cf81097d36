// Speaks to `sotto mcp` as an application with a model does:
//   npm install @modelcontextprotocol/sdk
//   node examples/mcp-client.mjs "When can a patient restart warfarin?" sotto mcp --dir MY-NODE
// or, where `sotto mcp --http 7481 --dir MY-NODE` runs:
//   node examples/mcp-client.mjs "When can a patient restart warfarin?" http://127.0.0.1:7481/mcp MY-NODE/access.token
import { readFileSync } from "node:fs";
import process from "node:process";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [question, where, ...more] = process.argv.slice(2);
if (!question || !where) throw new Error("usage: node examples/mcp-client.mjs QUESTION COMMAND... or URL TOKEN-FILE");
const client = new Client({ name: "example", version: "1.0.0" });
await client.connect(where.startsWith("http") ? overHttp(where, more[0]) : overStdio(where, more));
try {
  const { structuredContent: status } = await client.callTool({ name: "federation_status" });
  console.log(status.parties.map(({ name, isOnline }) => `${name}: ${isOnline ? "online" : "offline"}`).join("\n"));
  const { structuredContent: found } = await client.callTool({ name: "search", arguments: { query: question, k: 3 } });
  for (const { id, score } of found.results) console.log(`${score} ${id}`);
  const [best] = found.results;
  if (!best) throw new Error("nothing was found");
  const { structuredContent: passage } = await client.callTool({ name: "fetch", arguments: { id: best.id } });
  console.log(`\n${passage.text}`);
} finally {
  await client.close();
}

function overStdio(command, args) {
  return new StdioClientTransport({ command, args, stderr: "inherit" });
}

function overHttp(url, tokenFile) {
  const authorization = `Bearer ${readFileSync(tokenFile, "utf8").trim()}`;
  return new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization } } });
}
