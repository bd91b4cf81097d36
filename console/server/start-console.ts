import { type LocalServer, type Route, sendJson, startLocalServer } from "../../integrations/http/index.ts";
import type { OpenedNode } from "../../party-node/node-folder.ts";
import type { PassageStore } from "../../party-node/store/index.ts";
import { type Federation, limits } from "../../protocol/index.ts";
import type { HostedView, Overview } from "../api.ts";
import { Asker, type ConnectClient } from "./asker.ts";
import { collectionRoutes } from "./collection-routes.ts";
import { Entry } from "./entry.ts";
import { type Invite, federationRoutes } from "./federation-routes.ts";
import { OwnStore } from "./own-store.ts";
import { pageRoutes } from "./page-routes.ts";
import { questionRoutes } from "./question-routes.ts";
import { securityRoutes } from "./security-routes.ts";

export interface ConsoleOptions {
  readonly node: OpenedNode;
  /** The federation as the node's folder has it now. */
  readonly federation: () => Federation;
  readonly connect: ConnectClient;
  /** What this node serves; null where it is no party. Closed with the console. */
  readonly store: PassageStore | null;
  readonly hosted: readonly HostedView[];
  readonly invite: Invite;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly version: string;
  /** Called with the address that lets the next browser in, whenever the one before was used. */
  readonly onLinkUsed: (next: string) => void;
  /** As {@link LocalServerOptions.onBug}. */
  readonly onBug: (error: unknown) => void;
}

export interface Console extends AsyncDisposable {
  /** Lets one browser in, once. */
  readonly link: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves the console on this machine's loopback address alone.
 *
 * @throws Fault PORT_UNUSABLE, CONSOLE_NOT_BUILT.
 */
export async function startConsole(options: ConsoleOptions): Promise<Console> {
  const { node, store, onLinkUsed, onBug, connect, port } = options;
  const asker = new Asker(connect);
  const own = store ? new OwnStore({ node, store }) : null;
  let server: LocalServer | null = null;
  const linkWith = (code: string): string => `${server?.url ?? ""}/#code=${code}`;
  const entry = new Entry((code) => {
    onLinkUsed(linkWith(code));
  });
  const close = async (): Promise<void> => {
    await server?.close();
    asker.close();
    await own?.close();
  };
  try {
    server = await startLocalServer({
      port,
      token: entry.token,
      onBug,
      routes: routesOf(options, { asker, own, entry }),
    });
    // Nobody has the code yet, so nothing was sent to this run.
    await own?.drops.clearLeft();
  } catch (error) {
    await close();
    throw error;
  }
  return { link: linkWith(entry.code), port: server.port, close, [Symbol.asyncDispose]: close };
}

interface Parts {
  readonly asker: Asker;
  readonly own: OwnStore | null;
  readonly entry: Entry;
}

function routesOf(
  { node, federation, hosted, invite, version, onBug }: ConsoleOptions,
  { asker, own, entry }: Parts,
): Route[] {
  const member = node.identity.name;
  return [
    ...pageRoutes(),
    entry.route,
    {
      method: "GET",
      path: "/api/overview",
      handle: ({ response }) => {
        sendJson(response, overviewOf(federation(), member, version));
      },
    },
    ...questionRoutes({ asker, federation, hosted, member, version, onBug }),
    ...collectionRoutes({ own, hosted, onBug }),
    ...federationRoutes({ node, asker, federation, invite }),
    ...securityRoutes(),
  ];
}

function overviewOf({ terms }: Federation, member: string, version: string): Overview {
  const { name, mode, vertical, members } = terms;
  return {
    version,
    member,
    roles: members.find((one) => one.name === member)?.roles ?? [],
    federation: name,
    mode: vertical ? "vertical" : mode,
    parties: members.filter(({ roles }) => roles.includes("party")).map((party) => party.name),
    passagesMax: limits.fetchHandlesMax,
    questionBytesMax: limits.questionBytesMax,
  };
}
