import { ringLayout, sodium } from "../../crypto/index.ts";
import {
  type FederationDraft,
  type Identity,
  type Role,
  openFederation,
  signFederation,
  toBase64,
} from "../../protocol/index.ts";

/** 32 bytes that are the same in every process. */
export const fixed = (label: string): Uint8Array => sodium.crypto_generichash(32, `fuzz ${label}`, null);
const signer = (label: string) => sodium.crypto_sign_seed_keypair(fixed(label));

const roles: Readonly<Record<string, readonly Role[]>> = {
  hub: ["coordinator"],
  asker: ["querier", "party"],
  owner: ["querier"],
  alpha: ["party"],
  beta: ["party"],
};
const root = signer("root");

export const rootSecretKey = root.privateKey;
export const rootPublicKey = toBase64(root.publicKey);
export const DIM = 64;

export const terms: FederationDraft = {
  name: "a federation to be fuzzed",
  rootPublicKey,
  coordinatorUrls: ["wss://hub.example:8787"],
  mode: "private",
  encoder: { spec: "lexical:64", fingerprint: "0f".repeat(32) },
  scoring: { dim: DIM, chunk: 64, normMax: 1, scoreBits: 14, seed: toBase64(fixed("scoring")) },
  members: Object.entries(roles).map(([name, of]) => ({
    name,
    roles: [...of],
    publicKey: toBase64(signer(name).publicKey),
  })),
};

export const federationText = signFederation(terms, rootSecretKey, 1_790_000_000_000);
export const federation = openFederation(federationText, rootPublicKey);
export const layout = ringLayout({ ...terms.scoring, seed: Buffer.from(terms.scoring.seed, "base64") });

export const identity = (name: string): Identity => ({ name, secretKey: signer(name).privateKey });
/** X25519. */
export const boxKeys = (label: string) => {
  const { publicKey, privateKey } = sodium.crypto_box_seed_keypair(fixed(label));
  return { publicKey, privateKey };
};
