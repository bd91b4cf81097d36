import { createRequire } from "node:module";
import type { Index, MetricKind, ScalarKind, exactSearch } from "usearch";
import { Fault } from "../../crypto/fault.ts";
import type { SealedStoreFaultCode } from "./sealed-store-fault.ts";

interface Usearch {
  readonly Index: typeof Index;
  readonly MetricKind: typeof MetricKind;
  readonly ScalarKind: typeof ScalarKind;
  readonly exactSearch: typeof exactSearch;
}

let loaded: Usearch | null = null;

/**
 * usearch's native code, loaded when it is first needed: a member that keeps nothing for others does without, also where no build of it fits.
 *
 * @throws Fault STORE_UNAVAILABLE.
 */
export function usearch(): Usearch {
  try {
    loaded ??= createRequire(import.meta.url)("usearch") as Usearch;
    return loaded;
  } catch (cause) {
    throw new Fault<SealedStoreFaultCode>(
      "STORE_UNAVAILABLE",
      "usearch, which searches sealed collections, is not installed or does not load on this machine; keep them in PostgreSQL instead (SOTTO_SEALED_STORE)",
      cause,
    );
  }
}
