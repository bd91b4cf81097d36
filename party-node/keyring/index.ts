export {
  type CollectionKey,
  type KeyringEntry,
  betaShare,
  checkEntry,
  ciphertextNormMax,
  newCollectionKey,
} from "./entry.ts";
export { exportEntry, importEntry } from "./entry-export.ts";
export { type GrantFaultCode, openGrant, sealGrant } from "./grant.ts";
export { Keyring } from "./keyring.ts";
export { type KeyringFaultCode, type PassphraseFaultCode, keyringLimits } from "./keyring-fault.ts";
export { type PassphraseCost, defaultCost } from "./passphrase-box.ts";
