export { sealedStoreLimits } from "./limits.ts";
export type { PostgresSealedStoreOptions } from "./postgres-sealed-store.ts";
export { openPostgresSealedStore } from "./postgres-sealed-store.ts";
export type { SealedStoreFaultCode } from "./sealed-store-fault.ts";
export type * from "./sealed-store.ts";
export type { SqliteSealedStoreOptions } from "./sqlite-sealed-store.ts";
export { openSqliteSealedStore } from "./sqlite-sealed-store.ts";
