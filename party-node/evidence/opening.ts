import { Fault, sodium } from "../../crypto/index.ts";
import { type Federation, type Identity, decodeValue, encodeValue, openSigned, seal } from "../../protocol/index.ts";
import { type EvidenceBody, type Opening, evidenceBody, opening } from "./claims.ts";
import type { EvidenceFaultCode } from "./faults.ts";

/** Secrets of a question in a box that only the node's identity key opens. */
export function sealOpening(secrets: Opening, identity: Identity): Uint8Array {
  const plain = encodeValue(secrets);
  try {
    return sodium.crypto_box_seal(plain, boxKeys(identity).publicKey);
  } finally {
    plain.fill(0);
  }
}

/** Inverse of {@link sealOpening}. @throws Fault EVIDENCE_NOT_OURS, EVIDENCE_MALFORMED. */
export function openOpening(box: Uint8Array, identity: Identity): Opening {
  const { publicKey, privateKey } = boxKeys(identity);
  let plain: Uint8Array;
  try {
    plain = sodium.crypto_box_seal_open(box, publicKey, privateKey);
  } catch (cause) {
    throw new Fault<EvidenceFaultCode>(
      "EVIDENCE_NOT_OURS",
      "the question in this evidence is sealed to the key of who found it, and this node's key does not open it",
      cause,
    );
  }
  try {
    return decodeValue(opening, plain);
  } catch (cause) {
    throw new Fault<EvidenceFaultCode>("EVIDENCE_MALFORMED", "what the evidence has sealed is no question", cause);
  }
}

/**
 * What somebody says he has found; only that a member says so is checked.
 *
 * @throws Fault SIGNATURE_INVALID, FRAME_MALFORMED, FRAME_TOO_LARGE, MESSAGE_INVALID.
 */
export function readEvidence(bytes: Uint8Array, federation: Federation): EvidenceBody & { readonly finder: string } {
  const { signer, value } = openSigned("evidence", federation.id, evidenceBody, bytes, federation.publicKeyOf);
  return { ...value, finder: signer };
}

/**
 * Evidence with the question in the open, for others to verify.
 *
 * @returns The same bytes where there is no question in it, or none that is sealed.
 * @throws Fault SIGNATURE_INVALID, EVIDENCE_NOT_OURS, EVIDENCE_MALFORMED and those of decoding.
 */
export function revealQuestion(
  bytes: Uint8Array,
  { identity, federation }: { readonly identity: Identity; readonly federation: Federation },
): Uint8Array {
  const { finder: _, ...value } = readEvidence(bytes, federation);
  const { claim } = value;
  if (claim.kind !== "score-too-high" || !(claim.opening instanceof Uint8Array)) return bytes;
  const revealed: EvidenceBody = { ...value, claim: { ...claim, opening: openOpening(claim.opening, identity) } };
  return seal("evidence", federation.id, revealed, identity);
}

function boxKeys({ secretKey }: Identity): { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array } {
  const privateKey = sodium.crypto_sign_ed25519_sk_to_curve25519(secretKey);
  return { privateKey, publicKey: sodium.crypto_scalarmult_base(privateKey) };
}
