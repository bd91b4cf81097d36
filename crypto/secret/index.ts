export { RlweAsker } from "./rlwe-asker.ts";
export { QueryKey } from "./query-key.ts";
