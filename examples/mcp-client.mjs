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
if (!question || !where) {
  console.error("usage: node examples/mcp-client.mjs QUESTION COMMAND... or URL TOKEN-FILE");
  process.exit(2);
}
const client = new Client({ name: "example", version: "1.0.0" });
try {
  await client.connect(where.startsWith("http") ? overHttp(where, more[0]) : overStdio(where, more));
  const status = await call("federation_status");
  console.log(status.parties.map(({ name, isOnline }) => `${name}: ${isOnline ? "online" : "offline"}`).join("\n"));
  const found = await call("search", { query: question, k: 3 });
  for (const { party, code } of found.missing) console.log(`${party} is missing: ${code}`);
  for (const { id, score } of found.results) console.log(`${score} ${id}`);
  const [best] = found.results;
  if (best) console.log(`\n${(await call("fetch", { id: best.id })).text}`);
  else console.log("no passage was found");
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await client.close();
}

async function call(name, args = {}) {
  const { isError, content, structuredContent } = await client.callTool({ name, arguments: args });
  if (isError) throw new Error(content[0].text);
  return structuredContent;
}

function overStdio(command, args) {
  return new StdioClientTransport({ command, args, stderr: "inherit" });
}

function overHttp(url, tokenFile) {
  const authorization = `Bearer ${readFileSync(tokenFile, "utf8").trim()}`;
  return new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization } } });
}
