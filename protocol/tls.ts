import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { Fault } from "../crypto/fault.ts";
import type { ProtocolFaultCode } from "./faults.ts";

/** A coordinator's certificate, those between it and its root behind it, and its private key; all PEM. */
export interface TlsCertificate {
  readonly cert: string;
  readonly key: string;
}

/** @throws Fault CERTIFICATE_MALFORMED: no certificate, no key, or not of each other. */
export function checkTlsCertificate(certificate: TlsCertificate): void {
  try {
    createSecureContext(certificate);
  } catch (cause) {
    throw new Fault<ProtocolFaultCode>(
      "CERTIFICATE_MALFORMED",
      "the certificate and the key cannot be used together; give --tls-cert the PEM file of the certificate, with those between it and its root behind it, and --tls-key the PEM file of its private key, without a passphrase",
      cause,
    );
  }
}

/**
 * @param pem - One or more certificates.
 * @param where - The file's name, for people.
 * @throws Fault CERTIFICATE_MALFORMED.
 */
export function checkAuthority(pem: string, where: string): void {
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new Fault<ProtocolFaultCode>(
      "CERTIFICATE_MALFORMED",
      `${where} holds no certificate in PEM; ask whoever runs the coordinator for the file of the authority that signed its certificate`,
      cause,
    );
  }
}

const EXPIRED = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"];
const UNTRUSTED = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "INVALID_CA",
  "INVALID_PURPOSE",
];

/** @returns What is wrong with TLS and what to do, where that is why a connection was not opened; otherwise null. */
export function certificateFault(cause: unknown, url: string): Fault | null {
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const fault = (is: ProtocolFaultCode, says: string): Fault => new Fault<ProtocolFaultCode>(is, says, cause);
  if (EXPIRED.includes(code))
    return fault(
      "CERTIFICATE_EXPIRED",
      `the certificate of ${url} has expired or is not valid yet; look at this machine's clock, then ask whoever runs the coordinator to renew it`,
    );
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return fault(
      "CERTIFICATE_NAME",
      `the certificate of ${url} is for another host name; use the name it was made for (\`sotto federation join FILE --root KEY --coordinator-url URL\`), or have one made for this name`,
    );
  if (UNTRUSTED.includes(code))
    return fault(
      "CERTIFICATE_UNTRUSTED",
      `the certificate of ${url} is not from an authority that this node trusts; where the coordinator has its own, get the authority's file from whoever runs it and join again with --ca FILE`,
    );
  if (code === "EPROTO" || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_"))
    return fault(
      "TLS_FAILED",
      `no TLS connection to ${url} came about; if the coordinator has no certificate its address begins with ws://`,
    );
  return null;
}
