import { type RingLayout, ringLayout } from "../../crypto/index.ts";
import type { HostedScoring } from "../../protocol/index.ts";
import { type KeyringEntry, ciphertextNormMax } from "../keyring/index.ts";

/** How a `double` collection is scored at its host; null for one that is searched. */
export function hostedScoringOf({ encoder, sealing, scoring }: KeyringEntry): HostedScoring | null {
  if (!scoring) return null;
  const normMax = ciphertextNormMax({ ...encoder, ...sealing });
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
