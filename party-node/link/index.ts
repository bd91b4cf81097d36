export { CoordinatorLink } from "./coordinator-link.ts";
export { EndToEndSession, unexpectedAnswer } from "./end-to-end-session.ts";
