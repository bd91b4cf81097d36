export { PartyServer, type PartyServerOptions } from "./party-server.ts";
