import { expect, test } from "@jest/globals";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { QUOTING_NOTICE } from "../../integrations/quoting.ts";
import { Cli, repository } from "../support/cli.ts";
import { AskingNode } from "./asking-node.ts";

const run = promisify(execFile);
const page = readFileSync(join(repository, "docs", "integrations.md"), "utf8");
/** What stands in the page's fenced blocks of a language. */
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, text = ""]) => text);

test("every piece of JavaScript on the page is part of an example that is tested", () => {
  const folder = join(repository, "examples");
  const names = readdirSync(folder).filter((name) => name.endsWith(".mjs"));
  const examples = names.map((name) => readFileSync(join(folder, name), "utf8"));
  expect(blocks("js")).toHaveLength(3);
  expect(blocks("js").filter((text) => !examples.some((example) => example.includes(text)))).toEqual([]);
  for (const name of names) expect([name, page.includes(`(../examples/${name})`)]).toEqual([name, true]);
});

test("the page's MCP configuration starts a server", async () => {
  await using node = await AskingNode.start();
  const [text = ""] = blocks("json");
  const { mcpServers } = JSON.parse(text) as { mcpServers: { sotto: { command: string; args: string[] } } };
  const { command, args } = mcpServers.sotto;
  expect(command).toBe("sotto");
  const given = args.map((arg) => (arg === "/home/you/clinic" ? node.dir : arg));
  const client = new Client({ name: "test", version: "1" });
  const main = join(repository, "cli", "main.ts");
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [main, ...given], stderr: "ignore" }),
  );
  expect(client.getInstructions()).toBe(QUOTING_NOTICE);
  await client.close();
});

const hasShell = await run("sh", ["-c", "curl --version"]).then(
  () => true,
  () => false,
);
(hasShell ? test : test.skip)("the page's request by curl is answered (skipped without curl)", async () => {
  await using node = await AskingNode.start();
  await using serving = new Cli(["serve", "--port", "0", "--dir", node.dir]);
  const [, url = ""] = await serving.printed(/"url":"([^"]+)".*"listening"/);
  const request = blocks("sh").find((text) => text.startsWith("curl")) ?? "";
  const here = request
    .replace("http://127.0.0.1:7480", url)
    .replace("clinic/access.token", join(node.dir, "access.token"));
  const { stdout } = await run("sh", ["-c", here]);
  expect(JSON.parse(stdout)).toMatchObject({ passages: [{ documentId: "warfarin.txt" }, {}, {}] });
});
