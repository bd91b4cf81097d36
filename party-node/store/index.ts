export type { SqliteStoreOptions } from "./sqlite-store.ts";
export { openSqliteStore } from "./sqlite-store.ts";
export type * from "./store.ts";
export type { StoreFaultCode } from "./store-fault.ts";
