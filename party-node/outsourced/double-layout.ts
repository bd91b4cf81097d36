import { type RingLayout, STORED_SHARE, liftedNorm, ringLayout } from "../../crypto/index.ts";
import type { HostedScoring } from "../../protocol/index.ts";
import type { KeyringEntry } from "../keyring/index.ts";

/**
 * How a `double` collection is scored at its host; null for one that is searched. No ciphertext s x + l has a larger norm than s (M + 3/8 beta).
 */
export function hostedScoringOf({ encoder, sealing, scoring }: KeyringEntry): HostedScoring | null {
  if (!scoring) return null;
  const normMax = sealing.scale * (liftedNorm(encoder.normMax) + STORED_SHARE * sealing.beta);
  return {
    chunk: scoring.chunk,
    scoreBits: scoring.scoreBits,
    normMax,
    seed: new Uint8Array(Buffer.from(scoring.seed, "base64")),
  };
}

/** The ring layout of a `double` collection's ciphertexts. @throws Fault PARAMETERS_INVALID. */
export function hostedLayout(scoring: HostedScoring, ciphertextDim: number): RingLayout {
  return ringLayout({ ...scoring, dim: ciphertextDim });
}
