export { type Console, type ConsoleOptions, startConsole } from "./start-console.ts";
export type { Invite } from "./federation-routes.ts";
