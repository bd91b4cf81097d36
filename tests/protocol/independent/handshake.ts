import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { randomBytes } from "@noble/hashes/utils.js";
import { type Fields, decode, encode } from "./cbor.ts";
import { type Signer, hash, sign, verify } from "./primitives.ts";
import { RecordReceiver, RecordSender } from "./records.ts";

/* docs/protocol.md, "Handshake": the initiator. */

export interface InitiatorOptions {
  readonly layer: "hop" | "end-to-end";
  readonly federationId: Uint8Array;
  readonly self: Signer;
  /** Null for who is none of the members. */
  readonly publicKeyOf: (name: string) => Uint8Array | null;
  /** What it offers; default 2. */
  readonly protocol?: number;
}

export interface Channel {
  readonly peer: string;
  readonly finish: Uint8Array;
  readonly sender: RecordSender;
  readonly receiver: RecordReceiver;
}

export class IndependentInitiator {
  readonly hello: Uint8Array;
  readonly #options: InitiatorOptions;
  readonly #ephemeral = randomBytes(32);

  constructor(options: InitiatorOptions) {
    this.#options = options;
    const { federationId: federation, protocol = 3 } = options;
    this.hello = encode({ type: "hello", protocol, federation, ephemeral: x25519.getPublicKey(this.#ephemeral) });
  }

  welcomed(welcome: Uint8Array): Channel {
    const { layer, federationId, self, publicKeyOf } = this.#options;
    const { type, ephemeral, proof } = decode(welcome) as { type: string; ephemeral: Uint8Array; proof: Uint8Array };
    if (type !== "welcome") throw new Error("no welcome");
    const shared = x25519.getSharedSecret(this.#ephemeral, ephemeral);
    const transcript = hash(256, encode(["sotto/1 transcript", layer, this.hello, ephemeral]));
    const key = (label: string): Uint8Array => hash(256, encode([`sotto/1 ${label}`, transcript]), shared);
    const cipher = (role: string) => xchacha20poly1305(key(`${role} proof`), new Uint8Array(24), transcript);
    const { name, signature } = decode(cipher("responder").decrypt(proof)) as { name: string; signature: Uint8Array };
    const publicKey = publicKeyOf(name);
    const signed = encode([name, transcript]);
    if (!publicKey || !verify("handshake-responder", federationId, signed, signature, publicKey))
      throw new Error("no member answers");
    const own: Fields = {
      name: self.name,
      signature: sign("handshake-initiator", federationId, encode([self.name, transcript]), self.seed),
    };
    return {
      peer: name,
      finish: encode({ type: "finish", proof: cipher("initiator").encrypt(encode(own)) }),
      sender: new RecordSender(key("to responder"), randomBytes(24)),
      receiver: new RecordReceiver(key("to initiator")),
    };
  }
}
