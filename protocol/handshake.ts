import { z } from "zod";
import { Fault } from "../crypto/fault.ts";
import { sodium } from "../crypto/sodium.ts";
import { decodeValue, encodeValue } from "./codec.ts";
import type { ProtocolFaultCode } from "./faults.ts";
import { limits } from "./limits.ts";
import { bytes, memberName } from "./fields.ts";
import { SecureChannel } from "./secure-channel.ts";
import { type SignaturePurpose, signDetached, verifyDetached } from "./signed.ts";

/*
 * Mutual authentication after SIGMA-I (Krawczyk, CRYPTO 2003): ephemeral X25519, then each side proves its Ed25519 identity by a signature over
 * the whole transcript, encrypted under keys derived from it. Forward secret; identities are hidden from whoever watches the wire. One
 * implementation serves the hop to the coordinator and the end-to-end session between querier and party that runs inside it.
 *
 *   initiator -> responder   hello   { protocol, federation, ephemeral }
 *   responder -> initiator   welcome { ephemeral, proof }    proof = AEAD(k_r, { name, signature })
 *   initiator -> responder   finish  { proof }               proof = AEAD(k_i, { name, signature })
 */

export const PROTOCOL_VERSION = 3;

const byteString = (length: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length);
const sealedProof = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length <= limits.handshakeProofBytesMax,
);
const helloSchema = z.strictObject({
  type: z.literal("hello"),
  protocol: z.int(),
  federation: byteString(32),
  ephemeral: byteString(32),
});
const welcomeSchema = z.strictObject({ type: z.literal("welcome"), ephemeral: byteString(32), proof: sealedProof });
const finishSchema = z.strictObject({ type: z.literal("finish"), proof: sealedProof });
const proofSchema = z.strictObject({
  name: memberName,
  signature: byteString(64),
  /** How its key came from one that the other side may have: the newest claims of the federation's log that replaced it. Left out where there are none. */
  claims: z
    .array(bytes({ max: limits.claimBytesMax }))
    .max(limits.handshakeClaimsMax)
    .optional(),
});

/** Who this process is. */
export interface Identity {
  readonly name: string;
  /** Ed25519, 64 bytes. Read whenever it is needed: it can be replaced while a process runs. */
  readonly secretKey: Uint8Array;
  /** As CBOR, the newest last: those by which the key came to be this one. */
  readonly claims?: readonly Uint8Array[];
}

/** A key that a member has by what it says itself. */
export interface ClaimedKey {
  readonly publicKey: Uint8Array;
  /** Called once the member has shown that key: from now on it is the member's. */
  readonly take: () => void;
}

/** What both sides know beforehand. */
export interface HandshakeContext {
  /** Which connection this is: a handshake of one layer never passes for the other. */
  readonly layer: "hop" | "end-to-end";
  /** 32 bytes, the federation's. */
  readonly federationId: Uint8Array;
  /** The Ed25519 public key of a member, or null for a stranger. */
  readonly publicKeyOf: (name: string) => Uint8Array | null;
  /** What a member's key is if these claims hold; null where they do not follow from what is known. */
  readonly claimedKeyOf?: ((name: string, claims: readonly Uint8Array[]) => ClaimedKey | null) | undefined;
}

/** An X25519 key pair; tests pass their own to reproduce known answers, everybody else leaves it out. */
export interface EphemeralKeys {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** A finished handshake. */
export interface Established {
  readonly channel: SecureChannel;
  /** The peer's authenticated name. */
  readonly peer: string;
  /** The Ed25519 key by which it showed to be that. */
  readonly peerKey: Uint8Array;
  /** BLAKE2b-256 of the transcript, the same on both sides. */
  readonly transcript: Uint8Array;
}

interface Secrets {
  readonly transcript: Uint8Array;
  readonly responderProof: Uint8Array;
  readonly initiatorProof: Uint8Array;
  readonly toResponder: Uint8Array;
  readonly toInitiator: Uint8Array;
}

const failed = (what: string, cause?: unknown): Fault =>
  new Fault("HANDSHAKE_FAILED", `the handshake failed: ${what}`, cause);

/** Keys for proofs and both directions: BLAKE2b of X25519's output, keyed per purpose, bound to the transcript. */
function deriveSecrets(
  layer: HandshakeContext["layer"],
  own: EphemeralKeys,
  peerEphemeral: Uint8Array,
  hello: Uint8Array,
  responderEphemeral: Uint8Array,
): Secrets {
  let shared: Uint8Array;
  try {
    shared = sodium.crypto_scalarmult(own.privateKey, peerEphemeral);
  } catch (cause) {
    throw failed("the peer's ephemeral key is not usable", cause);
  }
  const transcript = sodium.crypto_generichash(
    32,
    encodeValue(["sotto/1 transcript", layer, hello, responderEphemeral]),
    null,
  );
  const key = (purpose: string): Uint8Array =>
    sodium.crypto_generichash(32, encodeValue([`sotto/1 ${purpose}`, transcript]), shared);
  const secrets = {
    transcript,
    responderProof: key("responder proof"),
    initiatorProof: key("initiator proof"),
    toResponder: key("to responder"),
    toInitiator: key("to initiator"),
  };
  shared.fill(0);
  own.privateKey.fill(0);
  return secrets;
}

/** A proof key is used for one message only, so its nonce is zero. */
const NONCE = new Uint8Array(sodium.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);

function makeProof(
  purpose: SignaturePurpose,
  identity: Identity,
  context: HandshakeContext,
  transcript: Uint8Array,
  key: Uint8Array,
): Uint8Array {
  const signature = signDetached(
    purpose,
    context.federationId,
    encodeValue([identity.name, transcript]),
    identity.secretKey,
  );
  return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    encodeValue({ name: identity.name, signature, ...claimsOf(identity) }),
    transcript,
    null,
    NONCE,
    key,
  );
}

function claimsOf({ claims = [] }: Identity): { readonly claims?: readonly Uint8Array[] } {
  return claims.length === 0 ? {} : { claims: claims.slice(-limits.handshakeClaimsMax) };
}

function checkProof(
  purpose: SignaturePurpose,
  proof: Uint8Array,
  context: HandshakeContext,
  transcript: Uint8Array,
  key: Uint8Array,
): Pick<Established, "peer" | "peerKey"> {
  let opened: Uint8Array;
  try {
    opened = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, proof, transcript, NONCE, key);
  } catch (cause) {
    throw failed("the peer's proof does not decrypt", cause);
  }
  const { name, signature, claims } = decodeValue(proofSchema, opened);
  const isBy = (key: Uint8Array): boolean =>
    verifyDetached(purpose, context.federationId, encodeValue([name, transcript]), signature, key);
  const publicKey = context.publicKeyOf(name);
  if (!publicKey) throw new Fault<ProtocolFaultCode>("NOT_A_MEMBER", `"${name}" is not a member of this federation`);
  if (isBy(publicKey)) return { peer: name, peerKey: publicKey };
  const claimed = claims ? context.claimedKeyOf?.(name, claims) : null;
  if (!claimed || !isBy(claimed.publicKey)) throw failed(`the peer does not hold the key of "${name}"`);
  claimed.take();
  return { peer: name, peerKey: claimed.publicKey };
}

function parse<Schema extends z.ZodType>(schema: Schema, bytes: Uint8Array): z.infer<Schema> {
  if (bytes.length > limits.handshakeBytesMax)
    throw failed(
      `a message has ${String(bytes.length)} bytes, at most ${String(limits.handshakeBytesMax)} are allowed`,
    );
  try {
    return decodeValue(schema, bytes);
  } catch (cause) {
    throw failed("a message is malformed", cause);
  }
}

/** The side that opens the connection. */
export class Initiator {
  /** First message. */
  readonly hello: Uint8Array;
  readonly #identity: Identity;
  readonly #context: HandshakeContext;
  /** Null once used: the private half is wiped then, and zeros are no secret. */
  #ephemeral: EphemeralKeys | null;

  constructor(identity: Identity, context: HandshakeContext, ephemeral: EphemeralKeys = sodium.crypto_box_keypair()) {
    this.#identity = identity;
    this.#context = context;
    this.#ephemeral = ephemeral;
    this.hello = encodeValue({
      type: "hello",
      protocol: PROTOCOL_VERSION,
      federation: context.federationId,
      ephemeral: ephemeral.publicKey,
    });
  }

  /**
   * @returns The third message, and the channel.
   * @throws Fault HANDSHAKE_FAILED, NOT_A_MEMBER.
   */
  receiveWelcome(welcome: Uint8Array): Established & { readonly finish: Uint8Array } {
    const own = this.#ephemeral;
    if (!own) throw failed("messages came out of order");
    this.#ephemeral = null;
    const { ephemeral, proof } = parse(welcomeSchema, welcome);
    const secrets = deriveSecrets(this.#context.layer, own, ephemeral, this.hello, ephemeral);
    const who = checkProof("handshake-responder", proof, this.#context, secrets.transcript, secrets.responderProof);
    const finish = encodeValue({
      type: "finish",
      proof: makeProof(
        "handshake-initiator",
        this.#identity,
        this.#context,
        secrets.transcript,
        secrets.initiatorProof,
      ),
    });
    return {
      finish,
      ...who,
      transcript: secrets.transcript,
      channel: new SecureChannel({ sending: secrets.toResponder, receiving: secrets.toInitiator }),
    };
  }
}

/** The side that is called. */
export class Responder {
  readonly #identity: Identity;
  readonly #context: HandshakeContext;
  /** Null once used, as the initiator's. */
  #ephemeral: EphemeralKeys | null;
  #secrets: Secrets | null = null;

  constructor(identity: Identity, context: HandshakeContext, ephemeral: EphemeralKeys = sodium.crypto_box_keypair()) {
    this.#identity = identity;
    this.#context = context;
    this.#ephemeral = ephemeral;
  }

  /**
   * @returns The second message.
   * @throws Fault HANDSHAKE_FAILED, VERSION_UNSUPPORTED, FEDERATION_MISMATCH.
   */
  receiveHello(hello: Uint8Array): Uint8Array {
    const own = this.#ephemeral;
    if (!own) throw failed("messages came out of order");
    this.#ephemeral = null;
    const { protocol, federation, ephemeral } = parse(helloSchema, hello);
    if (protocol !== PROTOCOL_VERSION) {
      throw new Fault<ProtocolFaultCode>(
        "VERSION_UNSUPPORTED",
        `the peer speaks protocol version ${String(protocol)}, this side ${String(PROTOCOL_VERSION)}; update the older of the two`,
      );
    }
    if (!sodium.memcmp(federation, this.#context.federationId)) {
      throw new Fault<ProtocolFaultCode>("FEDERATION_MISMATCH", "the peer belongs to another federation");
    }
    this.#secrets = deriveSecrets(this.#context.layer, own, ephemeral, hello, own.publicKey);
    const { transcript, responderProof } = this.#secrets;
    return encodeValue({
      type: "welcome",
      ephemeral: own.publicKey,
      proof: makeProof("handshake-responder", this.#identity, this.#context, transcript, responderProof),
    });
  }

  /** @throws Fault HANDSHAKE_FAILED, NOT_A_MEMBER. */
  receiveFinish(finish: Uint8Array): Established {
    const secrets = this.#secrets;
    if (!secrets) throw failed("messages came out of order");
    this.#secrets = null;
    const { proof } = parse(finishSchema, finish);
    const who = checkProof("handshake-initiator", proof, this.#context, secrets.transcript, secrets.initiatorProof);
    return {
      ...who,
      transcript: secrets.transcript,
      channel: new SecureChannel({ sending: secrets.toInitiator, receiving: secrets.toResponder }),
    };
  }
}
