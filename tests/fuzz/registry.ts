import type { FuzzTarget } from "./target.ts";
import { documentTargets } from "./targets/documents.ts";
import { evidenceTargets } from "./targets/evidence.ts";
import { federationTargets } from "./targets/federation.ts";
import { fileTargets } from "./targets/files.ts";
import { handshakeTargets } from "./targets/handshake.ts";
import { keptTargets } from "./targets/kept.ts";
import { remoteTargets } from "./targets/remote.ts";
import { sealedTargets } from "./targets/sealed.ts";
import { sessionTargets } from "./targets/sessions.ts";
import { trainingTargets } from "./targets/training.ts";
import { wireTargets } from "./targets/wire.ts";

/**
 * Every decoder of bytes or text that comes from elsewhere.
 *
 * @param folder - For those that read files.
 */
export function fuzzTargets(folder: string): readonly FuzzTarget[] {
  return [
    ...wireTargets,
    ...handshakeTargets,
    ...sealedTargets,
    ...federationTargets,
    ...remoteTargets,
    ...sessionTargets,
    ...evidenceTargets,
    ...fileTargets(folder),
    ...keptTargets(folder),
    ...documentTargets(folder),
    ...trainingTargets(folder),
  ];
}
