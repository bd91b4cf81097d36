import { Command } from "commander";
import { Fault } from "../crypto/index.ts";
import { openAccessToken, startLocalServer } from "../integrations/http/index.ts";
import { openNodeFolder } from "../party-node/node-folder.ts";
import { limits } from "../protocol/index.ts";
import { parsePort, wholeNumber } from "./options.ts";
import { type ServedOptions, addServedOptions, serveBeforeConnecting } from "./served-client.ts";
import { tellParent } from "./supervision.ts";
import { version } from "./version.ts";

interface Options extends ServedOptions {
  readonly http?: number;
  readonly k: number;
}

export function mcpCommand(): Command {
  const command = new Command("mcp")
    .description("let a model ask, by the Model Context Protocol on standard input and output")
    .option("--http <port>", "by HTTP instead, on 127.0.0.1 and with a token; 0 for a free port", parsePort)
    .option(
      "-k <count>",
      "passages of an answer, unless the model wants another number",
      wholeNumber(1, limits.fetchHandlesMax),
      5,
    );
  return addServedOptions(command)
    .action(runMcp)
    .addHelpText(
      "after",
      "\nWhoever runs the model reads the questions that it asks here and the passages that it gets. The token of --http is in access.token in the node's folder; the address is http://127.0.0.1:PORT/mcp.",
    );
}

async function runMcp(options: Options): Promise<void> {
  const { mcpRoutes, serveMcpStdio } = await loadMcp();
  const { http, k } = options;
  await serveBeforeConnecting("mcp", options, async (client, log) => {
    const onBug = (err: unknown): void => {
      log.error({ err }, "a request failed for a bug");
    };
    const mcp = { client, version, onBug, k };
    if (http === undefined) return serveMcpStdio(mcp);
    const folder = openNodeFolder(options.dir);
    const token = openAccessToken(folder);
    const server = await startLocalServer({ port: http, token, routes: mcpRoutes(mcp), onBug });
    log.info({ url: `${server.url}/mcp`, tokenFile: folder.accessTokenPath }, "listening");
    tellParent({ event: "listening", port: server.port });
    return server;
  });
}

/** @throws Fault MCP_MISSING. */
async function loadMcp(): Promise<typeof import("../integrations/mcp.ts")> {
  try {
    return await import("../integrations/mcp.ts");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new Fault(
      "MCP_MISSING",
      "this needs a package that is not installed: npm install @modelcontextprotocol/sdk@1",
      cause,
    );
  }
}
