import { Fault } from "../../crypto/fault.ts";
import type { SealedStoreFaultCode } from "./sealed-store-fault.ts";

const ADVICE: readonly (readonly [RegExp, SealedStoreFaultCode, string])[] = [
  [/^53100$|^54|^53400$/, "STORE_FULL", "has no room left; nothing was changed"],
  [/^XX00[12]$/, "STORE_DAMAGED", "found its files damaged. Put them back from a backup"],
  [
    /^28|^3D000$|^42501$/,
    "STORE_UNAVAILABLE",
    "does not let this user in, or not do this. Check the address, the user and its rights",
  ],
  [/^40|^55P03$/, "STORE_UNAVAILABLE", "gave way to another writer; nothing was changed. Try again"],
  [/^57014$/, "STORE_UNAVAILABLE", "took too long; nothing was changed. Try again"],
  [/^08|^53|^57P/, "STORE_UNAVAILABLE", "is not able to answer now. Try again later"],
];

const SQLSTATE = /^[0-9A-Z]{5}$/;
/** The driver's own errors have no code. */
const CONNECTION = /connection|timeout|not queryable|was closed/i;

/**
 * What PostgreSQL, its driver or the network said, as a fault. SQLSTATE decides.
 *
 * The original goes along only where it is of the connection: what a server says about a statement may quote values.
 */
export function postgresFault(error: unknown): Error {
  if (!(error instanceof Error)) return new Error("PostgreSQL: something was thrown that is no error");
  if (error.name === "Fault" || error instanceof TypeError) return error;
  const { code = "" } = error as { code?: string };
  if (/^E[A-Z_]+$/.test(code) || CONNECTION.test(error.message)) {
    return new Fault<SealedStoreFaultCode>(
      "STORE_UNAVAILABLE",
      "The PostgreSQL server cannot be reached, or the connection was lost. Whether a change was made, versions tell. Try again.",
      error,
    );
  }
  if (!SQLSTATE.test(code)) return error;
  const found = ADVICE.find(([states]) => states.test(code));
  return found
    ? new Fault<SealedStoreFaultCode>(found[1], `The PostgreSQL server ${found[2]} (SQLSTATE ${code}).`)
    : Object.assign(new Error(`PostgreSQL refused a statement of ours with SQLSTATE ${code}`), { code });
}

/** Whether it is the fault of a table that is not there, as {@link postgresFault} leaves it. */
export function isUndefinedTable(error: unknown): boolean {
  return error instanceof Error && (error as { code?: string }).code === "42P01";
}
