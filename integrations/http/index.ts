export { type AccessTokenFaultCode, openAccessToken } from "./access-token.ts";
export { httpLimits } from "./limits.ts";
export { type LocalServer, type LocalServerOptions, startLocalServer } from "./local-server.ts";
export { type HttpFaultCode, type Problem, problemOf, sendProblem } from "./problem.ts";
export { readJson } from "./read-json.ts";
export type { Exchange, Route } from "./routes.ts";
export { EventStream, sendBody, sendJson } from "./send.ts";
