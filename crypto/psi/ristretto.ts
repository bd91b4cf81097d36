import { Fault } from "../fault.ts";

/** POINT_INVALID: bytes that encode no element of the group, or its identity. */
export type PointFaultCode = "POINT_INVALID";

/** Bytes of an encoded group element (RFC 9496, 4.3.2), and of a scalar. */
export const POINT_BYTES = 32;

/** The group ristretto255 (RFC 9496) of libsodium: prime order, one encoding an element. */
export interface Ristretto {
  /** Maps 64 uniform bytes to a group element (RFC 9496, 4.3.4). */
  readonly hashToPoint: (hash: Uint8Array) => Uint8Array;
  /** A secret exponent, uniform and not 0; the caller's to wipe. */
  readonly randomScalar: () => Uint8Array;
  /** @throws Fault POINT_INVALID. */
  readonly power: (point: Uint8Array, scalar: Uint8Array) => Uint8Array;
  /** Whether the bytes encode a group element other than the identity. */
  readonly isPoint: (bytes: Uint8Array) => boolean;
}

let loaded: Promise<Ristretto> | null = null;

/** Loads the build of libsodium that has the group; nothing else needs its half megabyte. */
export function loadRistretto(): Promise<Ristretto> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Ristretto> {
  const { default: sodium } = await import("libsodium-wrappers-sumo");
  await sodium.ready;
  return {
    hashToPoint: (hash) => sodium.crypto_core_ristretto255_from_hash(hash),
    randomScalar: () => sodium.crypto_core_ristretto255_scalar_random(),
    power: (point, scalar) => {
      try {
        // Refuses bytes that are no point, and results that are the identity: those of the identity, for a scalar is never 0.
        return sodium.crypto_scalarmult_ristretto255(scalar, point);
      } catch {
        throw pointFault();
      }
    },
    isPoint: (bytes) => bytes.some((byte) => byte !== 0) && sodium.crypto_core_ristretto255_is_valid_point(bytes),
  };
}

export function pointFault(): Fault {
  return new Fault<PointFaultCode>(
    "POINT_INVALID",
    "what was received is no list of elements of the group; the member that sent it does not follow the protocol",
  );
}
