import { hexOf } from "../crypto/index.ts";
import { type SecureConnection, limits } from "../protocol/index.ts";

/** One authenticated connection; a member may have several. */
export interface Member {
  readonly name: string;
  readonly connection: SecureConnection;
}

/** Map key for a 16-byte id. */
export function idKey(id: Uint8Array): string {
  return hexOf(id);
}

/** Whether so much waits for this member that nothing more is taken for it from others. */
export function isCrowded({ connection }: Member): boolean {
  return connection.queuedBytes > limits.sendQueueBytesFair;
}
