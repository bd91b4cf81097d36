import { Fault, type RingLayout, ringLayout } from "../../crypto/index.ts";
import type { Federation, ProtocolFaultCode } from "../../protocol/index.ts";
import type { Encoder } from "../encoders/index.ts";

/** Layout of a federation's scoring, from its signed terms. @throws Fault PARAMETERS_INVALID. */
export function federationLayout({ terms }: Federation): RingLayout {
  const seed = new Uint8Array(Buffer.from(terms.scoring.seed, "base64"));
  return ringLayout({ ...terms.scoring, seed, parties: terms.vertical?.parties ?? 1 });
}

/** @throws Fault ENCODER_MISMATCH. */
export function checkEncoder(encoder: Encoder, { terms }: Federation): void {
  if (encoder.fingerprint === terms.encoder.fingerprint && encoder.dim === terms.scoring.dim) return;
  throw new Fault<ProtocolFaultCode>(
    "ENCODER_MISMATCH",
    `this node's encoder "${encoder.spec}" is not the federation's "${terms.encoder.spec}": the fingerprints differ; use the same encoder and the very same model files`,
  );
}
