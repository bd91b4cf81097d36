/**
 * - UNKNOWN_MODEL: no model of that name is known.
 * - BAD_MANIFEST: a manifest file that cannot be read.
 * - HTTP_STATUS: the server refused; NETWORK: it cannot be reached, or kept breaking off.
 * - WRONG_SIZE, WRONG_HASH: what came is not the pinned file; it has been removed.
 */
export type ModelFaultCode = "UNKNOWN_MODEL" | "BAD_MANIFEST" | "HTTP_STATUS" | "NETWORK" | "WRONG_SIZE" | "WRONG_HASH";
