import type { Fault } from "../crypto/fault.ts";
import { limits } from "./limits.ts";

/** The code of a refused fetch whose reason begins with a number: as many passages of one question the party hands this querier. */
export const PASSAGES_LIMITED = "PASSAGES_LIMITED";

/** @param passages - 0 to `fetchHandlesMax`. */
export function passageLimitReason(passages: number): string {
  return `${String(passages)} passages of one question are what this party hands you`;
}

/** How many passages the party of a refused fetch hands out; null where it was refused for anything else. */
export function passageLimitOf({ code, message }: Fault, party: string): number | null {
  const stated = message.startsWith(`${party}: `) ? /^\d{1,2} /.exec(message.slice(party.length + 2)) : null;
  const passages = Number(stated?.[0]);
  return code === PASSAGES_LIMITED && stated && passages <= limits.fetchHandlesMax ? passages : null;
}
