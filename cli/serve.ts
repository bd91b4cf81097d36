import { Command } from "commander";
import { apiRoutes } from "../integrations/api/index.ts";
import { openAccessToken, startLocalServer } from "../integrations/http/index.ts";
import { openNodeFolder } from "../party-node/node-folder.ts";
import { parsePort } from "./options.ts";
import { type ServedOptions, addServedOptions, serveClient } from "./served-client.ts";
import { tellParent } from "./supervision.ts";
import { version } from "./version.ts";

const PORT_DEFAULT = 7480;

interface Options extends ServedOptions {
  readonly port: number;
}

export function serveCommand(): Command {
  const command = new Command("serve")
    .description("let other programs of this machine ask, by HTTP on 127.0.0.1 and with a token")
    .option("-p, --port <port>", "port to listen on, 0 for a free one", parsePort, PORT_DEFAULT);
  return addServedOptions(command)
    .action(runServe)
    .addHelpText(
      "after",
      `
  curl http://127.0.0.1:${String(PORT_DEFAULT)}/v1/query -H "authorization: Bearer $(cat access.token)" \\
    -H "content-type: application/json" -d '{"question": "When can warfarin be restarted?", "k": 3}'

The token is made at the first start, in access.token in the node's folder. Whoever has it asks in this node's name. GET /openapi.json describes the interface.`,
    );
}

async function runServe(options: Options): Promise<void> {
  const folder = openNodeFolder(options.dir);
  const token = openAccessToken(folder);
  await serveClient("serve", options, async (client, log) => {
    const onBug = (err: unknown): void => {
      log.error({ err }, "a request failed for a bug");
    };
    const routes = apiRoutes({ client, version, onBug });
    const server = await startLocalServer({ port: options.port, token, routes, onBug });
    log.info({ url: server.url, tokenFile: folder.accessTokenPath }, "listening");
    tellParent({ event: "listening", port: server.port });
    return server;
  });
}
