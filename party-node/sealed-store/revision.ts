import { randomBytes } from "node:crypto";

const REVISION_BYTES = 6;

/** A number that was not used before, but for one chance in 2^48; never 0. */
export function newRevision(): number {
  return randomBytes(REVISION_BYTES).readUIntBE(0, REVISION_BYTES) || 1;
}
