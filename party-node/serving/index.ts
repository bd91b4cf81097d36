export { PartyServer, type PartyServerOptions } from "./party-server.ts";
export type { RequestHandler } from "./request-handler.ts";
