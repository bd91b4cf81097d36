import { Fault } from "../crypto/index.ts";
import { federationLayout } from "../party-node/asking/index.ts";
import type { OpenedNode } from "../party-node/node-folder.ts";
import { readEncoderFingerprint } from "../party-node/ingest.ts";
import { type PassageStore, openSqliteStore } from "../party-node/store/index.ts";

/** Opens a node's store and checks that its vectors are the federation's encoder's. @throws Fault STORE_KEY, STORE_VERSION, ENCODER_MISMATCH and others of the store. */
export function openNodeStore({ folder, federation, keys }: OpenedNode): PassageStore {
  const store = openSqliteStore({
    path: folder.storePath,
    storeKey: keys.storeKey,
    rowsPerBlock: federationLayout(federation).rowsPerBlock,
  });
  const fingerprint = readEncoderFingerprint(store);
  if (fingerprint === null || fingerprint === federation.terms.encoder.fingerprint) return store;
  store.close();
  throw new Fault(
    "ENCODER_MISMATCH",
    `${folder.storePath} was made with another encoder than the federation's; remove it and ingest again`,
  );
}
